"""A YAML and `-o` become one checked mapping; errors name key, place and value."""

import logging

import pytest
from sample_yaml import BASE, DECLARED

from engine.config.load import load_config
from engine.system.errors import UserError

UNKNOWN = [
    (BASE.replace("epochs:", "epoch:"), 5, "runner.epoch", "runner.epochs"),
    (BASE.replace("runner:", "runer:"), 1, "runer", "runner"),
    (
        BASE.replace("expert_num:", "expertnum:"),
        7,
        "hyper_parameters.expertnum",
        "hyper_parameters.expert_num",
    ),
    ("epochs: 3\n" + BASE, 1, "epochs", "runner.epochs"),
    (
        BASE + "  class: sgd\n",
        14,
        "hyper_parameters.class",
        "hyper_parameters.optimizer.class",
    ),
    (BASE + "  loss_weighting: uncertainty\n", 14, "hyper_parameters.loss_weighting", None),
    (BASE + "  table:\n    weight: w\n", 15, "hyper_parameters.table.weight", None),
    (BASE + "mine:\n  depth: 3\n", 14, "mine", None),
    (BASE.replace("  epochs", "  workers: 4\n  epochs"), 5, "runner.workers", None),
]


@pytest.mark.parametrize(("text", "line", "key", "near"), UNKNOWN)
def test_an_unknown_key_is_an_error_that_names_line_and_a_near_key(
    refusal, tmp_path, text, line, key, near
):
    hint = f"; did you mean '{near}'?" if near else ""
    place = f"{tmp_path / 'model' / 'config.yaml'}, line {line}"
    assert refusal(text=text) == f"{place}: unknown key {key}{hint}"


def test_several_unknown_keys_are_one_error(refusal):
    text = BASE.replace("epochs:", "epoch: 1\n  sede:") + "  dpeth: 3\n"
    more = "(also unknown: runner.sede, hyper_parameters.dpeth)"
    assert refusal(text=text).endswith(f"key runner.epoch; did you mean 'runner.epochs'? {more}")


def test_an_unknown_key_of_a_folder_for_paddlerec_is_a_warning(load, caplog):
    """Its own code may read the key."""
    text = BASE.replace("epochs:", "epoch:") + "  whatever: 3\n"
    config = load(text=text, declared=None)
    assert config["runner.epoch"] == 2
    expected = f"{config.yaml_path}: unknown key runner.epoch; did you mean 'runner.epochs'?"
    assert [record.message for record in caplog.records] == [expected]
    assert caplog.records[0].levelno == logging.WARNING


@pytest.mark.parametrize("declared", [DECLARED, None])
def test_keys_in_place_of_a_value_of_runner_are_an_error_in_every_folder(refusal, declared):
    text = BASE.replace("epochs: 2", "epochs: {most: 2}")
    problem = "line 5: runner.epochs has no keys: expected one value, found the key most"
    assert refusal(text=text, declared=declared).endswith(problem)


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (
            "tower_size: {click: [8, 4]}",
            "hyper_parameters.tower_size has no keys: expected one value, found the key click",
        ),
        ("tower_size: 8.0", "hyper_parameters.tower_size = 8.0: expected an integer"),
        (
            "tower_size:",
            "hyper_parameters.tower_size = None: expected an integer; leave the key out for its "
            "default",
        ),
        ("tower_size: {}", "hyper_parameters.tower_size = {}: expected an integer"),
        ("extras: None", "hyper_parameters.extras = 'None': found a text; write null for no value"),
    ],
)
def test_a_hyper_parameter_of_another_type(refusal, tmp_path, line, problem):
    place = f"{tmp_path / 'model' / 'config.yaml'}, line 14"
    assert refusal(text=f"{BASE}  {line}\n") == f"{place}: {problem}"


@pytest.mark.parametrize(
    ("old", "new", "expected"),
    [
        ("rate: 0.5", "rate: [0.5]", "a number"),
        ("rate: 0.5", "rate: '1e-3'", "a number"),
        ("rate: 0.5", "rate: True", "a number"),
        ("rate: 0.5", "rate: None", "a number; leave the key out for its default"),
        ("scaled: True", "scaled: yes", "True or False; write True"),
        ("scaled: True", "scaled: 1", "True or False"),
        ("name: classic", "name: [a]", "a text"),
        ("name: classic", "name: 3", "a text"),
        ("sizes: [16, 8]", "sizes: 2.5", "an integer or a list of integers"),
        ("sizes: [16, 8]", "sizes: wide", "an integer or a list of integers"),
    ],
)
def test_every_declared_hyper_parameter_has_a_type(load, refusal, old, new, expected):
    text = BASE.replace(old, new)
    key, _, _ = old.partition(":")
    assert refusal(text=text).endswith(f": expected {expected}")
    assert f", line {BASE[: BASE.index(old)].count(chr(10)) + 1}: hyper_parameters.{key} = " in (
        refusal(text=text)
    )
    load(text=text, declared=None)  # a model for PaddleRec checks its own


def test_a_valid_file_causes_no_warning(load, caplog):
    load()
    assert not caplog.records


def test_hyper_parameters_are_not_checked_if_the_model_declares_none(load, caplog):
    load(text=BASE + "  whatever: 3\n", declared=None)
    assert not caplog.records


@pytest.mark.parametrize("word", ["yes", "No", "on", "OFF"])
def test_a_word_that_yaml_1_1_reads_as_a_boolean_is_a_warning_if_nothing_checks_it(
    load, caplog, word
):
    """A model for PaddleRec would take the text "no" as true."""
    path = load(text=f"hyper_parameters: {{use_x: {word}}}\n", declared=None).yaml_path
    value = word.lower() in ("yes", "on")
    message = f"hyper_parameters.use_x = {word!r} is a text, not a boolean; write {value}"
    assert [record.message for record in caplog.records] == [f"{path}: {message}"]


SPELLING = "; write digits only, without leading zeros or underscores"


@pytest.mark.parametrize(
    ("name", "value", "shown", "expected"),
    [
        ("train_batch_size", "0", "0", "an integer of at least 1"),
        ("epochs", "-1", "-1", "an integer of at least 1"),
        ("epochs", "3.0", "3.0", "an integer of at least 1"),
        ("epochs", "three", "'three'", "an integer of at least 1"),
        ("epochs", "True", "True", "an integer of at least 1"),
        ("epochs", "[3]", "[3]", "an integer of at least 1"),
        ("print_interval", "0", "0", "an integer of at least 1"),
        ("seed", "-5", "-5", "an integer of at least 0"),
        ("epochs", "1:30", "'1:30'", "an integer of at least 1"),
        ("epochs", "0b11", "'0b11'", "an integer of at least 1"),
        ("seed", "012", "'012'", f"an integer of at least 0{SPELLING}"),
        ("seed", "1_000", "'1_000'", f"an integer of at least 0{SPELLING}"),
        ("use_gpu", "1", "1", "True or False"),
        ("use_gpu", "yes", "'yes'", "True or False; write True"),
        ("use_gpu", "'on'", "'on'", "True or False; write True"),
        ("shuffle", "no", "'no'", "True or False; write False"),
        ("shuffle", "Off", "'Off'", "True or False; write False"),
        ("shuffle", "sometimes", "'sometimes'", "True or False"),
        ("init_scope", "everything", "'everything'", "all, sparse or a list of name patterns"),
        ("init_scope", "[]", "[]", "all, sparse or a list of name patterns"),
        ("init_scope", "[1]", "[1]", "all, sparse or a list of name patterns"),
        (
            "save_predictions",
            "foo.txt",
            "'foo.txt'",
            "a file name that ends in .csv, .npy or .parquet",
        ),
        ("use_inference", "2", "2", "True or False"),
        ("save_inference_fetch_varnames", "income", "'income'", "a list of names"),
    ],
)
def test_a_bad_value_names_key_place_and_value(refusal, tmp_path, name, value, shown, expected):
    problem = f"runner.{name} = {shown}: expected {expected}"
    assert refusal(f"runner.{name}={value}") == f"-o: {problem}"
    kept = "".join(line for line in BASE.splitlines(True) if not line.startswith(f"  {name}:"))
    text = kept.replace("runner:\n", f"runner:\n  {name}: {value}\n")
    assert refusal(text=text) == f"{tmp_path / 'model' / 'config.yaml'}, line 2: {problem}"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        (
            "train_data_dir: 3",
            "runner.train_data_dir = 3: expected a folder, a file, or a list of folders and files",
        ),
        ("model_save_path: [a]", "runner.model_save_path = ['a']: expected a path"),
        ("model_save_path: ''", "runner.model_save_path = '': expected a path"),
        ("train_reader_path: True", "runner.train_reader_path = True: expected a text"),
    ],
)
def test_a_bad_text_in_the_file(refusal, line, problem):
    assert refusal(text=f"runner:\n  {line}\n").endswith(f"config.yaml, line 2: {problem}")


def test_an_override_replaces_a_bad_value_of_the_file(load):
    text = BASE.replace("epochs: 2", "epochs: 0")
    assert load("runner.epochs=1", text=text).runner("epochs") == 1


def test_a_missing_required_key_is_named(load):
    config = load()
    with pytest.raises(UserError, match=r"config\.yaml: runner\.test_data_dir is not set"):
        config.runner("test_data_dir")


@pytest.mark.parametrize("text", ["runner:\nhyper_parameters:\n", "runner: {}\n"])
def test_empty_sections_are_not_keys(load, caplog, text):
    config = load(text=text)
    assert set(config) == {"config_abs_dir", "yaml_path"}
    assert not caplog.records


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("runner:\n  epochs: 3\n  epochs: 1\n", "line 3: epochs is set twice"),
        (
            "hyper_parameters:\n  optimizer: sgd\n",
            "expected a section with keys such as hyper_parameters.optimizer.class",
        ),
    ],
)
def test_a_key_set_twice_and_a_value_in_place_of_a_section(tmp_path, text, problem):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    declared = {"optimizer.class": "adam"}
    with pytest.raises(UserError, match=problem):
        load_config(str(path), [], lambda folder: declared)


def test_a_key_set_twice_in_a_yaml_for_paddlerec_is_a_warning(tmp_path, caplog):
    """PaddleRec uses the last value, so such a YAML must still run."""
    path = tmp_path / "config.yaml"
    path.write_text("runner:\n  epochs: 3\n  seed: 1\n  epochs: 2\n")
    assert load_config(str(path)).runner("epochs") == 2
    assert f"{path}, line 4: epochs is set twice; the last value is used" in caplog.text


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("runner.epochs: 3\nrunner: {epochs: 2}\n", "runner.epochs"),
        ("hyper_parameters: {x: {true: a, 'True': b}}\n", "hyper_parameters.x.True"),
    ],
)
def test_one_key_written_in_two_ways_is_set_twice(refusal, text, key):
    assert refusal(text=text).endswith(f"config.yaml: {key} is set twice")


@pytest.mark.parametrize("value", ["a\0b", "\ud800"])
def test_a_path_that_no_file_can_have(refusal, value):
    assert refusal(f"runner.model_save_path={value}") == (
        f"-o: runner.model_save_path = {value!r}: expected a path without NUL bytes, "
        "in the encoding of the file system"
    )


def test_the_largest_integer_is_that_of_numpy_and_paddle(load, refusal):
    assert load(f"runner.seed={2**63 - 1}").runner("seed") == 2**63 - 1
    assert refusal(f"runner.seed={2**63}").endswith(f": expected at most {2**63 - 1}")


VALID = "runner.valid_data_dir=v"


@pytest.mark.parametrize(
    ("override", "needed", "others"),
    [
        ("valid_interval=5", "runner.valid_data_dir", [VALID]),
        ("valid_metric=auc_click", "runner.valid_data_dir", [VALID]),
        ("valid_reader_path=r", "runner.valid_data_dir", [VALID]),
        ("early_stopping_patience=2", "runner.valid_data_dir", [VALID]),
        ("early_stopping_min_delta=0.1", "runner.valid_data_dir", [VALID]),
        ("init_scope=sparse", "runner.model_init_path", ["runner.model_init_path=m"]),
        ("evict_after=3", "runner.extend_vocabulary", ["runner.extend_vocabulary=True"]),
        ("gauc_column=user", "gauc in runner.metrics", ["runner.metrics=[auc, gauc]"]),
        ("ece_bins=5", "ece in runner.metrics", ["runner.metrics=[ece]"]),
    ],
)
@pytest.mark.parametrize("declared", [DECLARED, None])
def test_a_key_without_effect_is_refused(load, refusal, override, needed, others, declared):
    name = override.partition("=")[0]
    message = refusal(f"runner.{override}", declared=declared)
    assert message.startswith(f"-o: runner.{name} = ")
    assert message.endswith(f": it has no effect without {needed}")
    assert load(f"runner.{override}", *others, declared=declared).runner(name)


def test_a_key_without_effect_that_has_its_default_is_not_refused(load):
    load("runner.valid_interval=0", "runner.valid_metric=mean", "runner.ece_bins=20")
