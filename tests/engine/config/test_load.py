"""A YAML and ``-o`` become one checked, frozen mapping; errors name key, place and value."""

import logging
import os
import re

import pytest

from engine.config.load import load_config
from engine.system.errors import UserError

BASE = """\
runner:
  train_data_dir: data/train
  train_reader_path: some_reader
  train_batch_size: 4
  epochs: 2
hyper_parameters:
  expert_num: 8
  rate: 0.5
  scaled: True
  name: classic
  sizes: [16, 8]
  optimizer:
    class: adam
"""
DECLARED = {
    "expert_num": 8,
    "rate": 0.5,
    "scaled": True,
    "name": "classic",
    "sizes": [16, 8],
    "optimizer.class": "adam",
    "tower_size": 8,
    "extras": None,
}


# Each line stands for eight of the one before.
LAUGHS = "a: &a {x: 1}\n" + "".join(
    f"{after}: &{after} [{', '.join(8 * ['*' + before])}]\n"
    for before, after in zip("abcdefghijk", "bcdefghijkl")
)


@pytest.fixture
def load(tmp_path, monkeypatch):
    """Loads a YAML's text with overrides, from a current directory that is not the YAML's."""
    (tmp_path / "here").mkdir()
    (tmp_path / "model").mkdir()
    monkeypatch.chdir(tmp_path / "here")

    def make(*overrides, text=BASE, declared=DECLARED):
        path = tmp_path / "model" / "config.yaml"
        path.write_bytes(text if isinstance(text, bytes) else text.encode())
        return load_config(str(path), overrides, lambda folder: declared)

    return make


def refusal(load, *overrides, **options):
    """The message of the one error that loading must end with."""
    with pytest.raises(UserError) as caught:
        load(*overrides, **options)
    return str(caught.value)


# Values of -o


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("runner.epochs=7", 7),
        ("runner.shuffle=False", False),
        ("runner.shuffle=no", False),
        ("runner.init_scope=sparse", "sparse"),
        ("runner.init_scope=['tower*', gate_1]", ["tower*", "gate_1"]),
        ("runner.train_reader_path=12", "12"),
        ("runner.train_reader_path=k=a=b", "k=a=b"),
        ("runner.train_data_dir=a: b", "a: b"),
        ("runner.cache_dir=lr=1e-3", "lr=1e-3"),
        ("hyper_parameters.expert_num=4", 4),
        ("hyper_parameters.expert_num=[64, 32]", [64, 32]),
        ("hyper_parameters.rate=1", 1.0),
        ("hyper_parameters.rate=1e-3", 0.001),
        ("hyper_parameters.rate=-2.5E+2", -250.0),
        ("hyper_parameters.rate=.5", 0.5),
        ("hyper_parameters.scaled=false", False),
        ("hyper_parameters.name=1e-3", "1e-3"),
        ("hyper_parameters.name=True", "True"),
        ("hyper_parameters.name=a=b=c", "a=b=c"),
        ("hyper_parameters.name=", ""),
        ("hyper_parameters.sizes=[4]", [4]),
        ("hyper_parameters.optimizer.class=sgd", "sgd"),
        ("hyper_parameters.tower_size=16", 16),  # declared, not in the file
        (
            "hyper_parameters.extras=[{name: a, label_column: 0}]",
            [{"name": "a", "label_column": 0}],
        ),
        ("hyper_parameters.extras=1e-3", 0.001),
        ("hyper_parameters.extras=08", "08"),
        ("hyper_parameters.extras=2020-13-40", "2020-13-40"),  # no date: a text
        ("hyper_parameters.extras=[1, 2", "[1, 2"),  # no YAML: a text
    ],
)
def test_an_override_is_read_as_yaml_and_keeps_its_type(load, override, expected):
    value = load(override)[override.partition("=")[0]]
    assert value == expected
    assert type(value) is type(expected)


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("hyper_parameters.expert_num=2.0", "an integer"),
        ("hyper_parameters.expert_num=eight", "an integer"),
        ("hyper_parameters.expert_num=True", "an integer"),
        ("hyper_parameters.expert_num=null", "an integer"),
        ("hyper_parameters.rate=fast", "a number"),
        ("hyper_parameters.rate=True", "a number"),
        ("hyper_parameters.rate=[0.5]", "a number"),
        ("hyper_parameters.scaled=1", "True or False"),
        ("hyper_parameters.scaled=maybe", "True or False"),
    ],
)
def test_an_override_of_another_type_is_refused(load, override, expected):
    assert refusal(load, override) == f"-o {override}: expected {expected}"


def test_an_override_keeps_the_type_that_the_file_gave(load):
    text = BASE.replace("rate: 0.5", "rate: 2")
    assert refusal(load, "hyper_parameters.rate=0.5", text=text).endswith("expected an integer")


@pytest.mark.parametrize("nothing", ["", "~", "null"])
@pytest.mark.parametrize("name", ["use_gpu", "model_init_path", "infer_reader_path", "seed"])
def test_an_override_with_nothing_brings_the_default_back(load, name, nothing):
    text = BASE.replace(
        "runner:\n",
        "runner:\n  use_gpu: True\n  model_init_path: p\n  infer_reader_path: r\n  seed: 7\n",
    )
    assert load(text=text).runner(name) in (True, os.path.abspath("../model/p"), "r", 7)
    config = load(f"runner.{name}={nothing}", text=text)
    assert config[f"runner.{name}"] is None
    assert config.runner(name) == (12345 if name == "seed" else None)


def test_the_last_override_of_a_key_counts(load):
    assert load("runner.epochs=3", "runner.epochs=4")["runner.epochs"] == 4


@pytest.mark.parametrize("text", ["runner.epochs", "=3", ""])
def test_an_override_needs_a_key_and_a_value(load, text):
    assert refusal(load, text) == f"-o {text}: expected key=value"


# Unknown keys


@pytest.mark.parametrize(
    ("override", "near"),
    [
        ("runner.epoch=1", "runner.epochs"),
        ("runner.batch_size=1", "runner.train_batch_size"),
        ("epochs=1", "runner.epochs"),
        ("hyper_parameters.expert_nun=1", "hyper_parameters.expert_num"),
        ("hyper_parameters.optimiser.class=sgd", "hyper_parameters.optimizer.class"),
        ("hyper_parameters.optimizer=sgd", "hyper_parameters.optimizer.class"),
    ],
)
def test_an_unknown_override_is_an_error_that_names_the_nearest_key(load, override, near):
    key = override.partition("=")[0]
    message = refusal(load, override)
    assert message == f"-o {override}: unknown key {key}; did you mean '{near}'?"


def test_an_unknown_override_with_no_key_near_it(load):
    assert refusal(load, "zzz=1") == "-o zzz=1: unknown key zzz"


def test_an_override_may_name_any_key_of_the_file(load):
    text = BASE + "mine:\n  depth: 3\n"
    assert load("mine.depth=4", text=text)["mine.depth"] == 4


def test_without_declared_keys_only_those_of_the_file_can_be_overridden(load):
    assert load("hyper_parameters.expert_num=4", declared=None)["hyper_parameters.expert_num"] == 4
    message = refusal(load, "hyper_parameters.tower_size=4", declared=None)
    assert "unknown key hyper_parameters.tower_size" in message


@pytest.mark.parametrize(
    ("text", "key", "near"),
    [
        (BASE.replace("epochs:", "epoch:"), "runner.epoch", "runner.epochs"),
        (BASE.replace("runner:", "runer:"), "runer.epochs", "runner.epochs"),
        (
            BASE.replace("expert_num:", "expertnum:"),
            "hyper_parameters.expertnum",
            "hyper_parameters.expert_num",
        ),
        ("epochs: 3\n" + BASE, "epochs", "runner.epochs"),
    ],
)
def test_an_unknown_key_of_the_file_is_a_warning_that_names_the_nearest(
    load, caplog, text, key, near
):
    config = load(text=text)
    assert key in config
    warned = [record.message for record in caplog.records if record.levelno == logging.WARNING]
    expected = f"{config.yaml_path}: unknown key {key}; did you mean '{near}'?"
    assert expected in warned


def test_a_good_file_warns_of_nothing(load, caplog):
    load()
    assert not caplog.records


def test_hyper_parameters_of_a_model_that_declares_none_are_its_own(load, caplog):
    load(text=BASE + "  whatever: 3\n", declared=None)
    assert not caplog.records


# Bad values


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
        ("use_gpu", "1", "1", "True or False"),
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
def test_a_bad_value_names_key_place_and_value(load, tmp_path, name, value, shown, expected):
    problem = f"runner.{name} = {shown}: expected {expected}"
    assert refusal(load, f"runner.{name}={value}") == f"-o: {problem}"
    kept = "".join(line for line in BASE.splitlines(True) if not line.startswith(f"  {name}:"))
    text = kept.replace("runner:\n", f"runner:\n  {name}: {value}\n")
    assert refusal(load, text=text) == f"{tmp_path / 'model' / 'config.yaml'}: {problem}"


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("train_data_dir: 3", "runner.train_data_dir = 3: expected a path"),
        ("model_save_path: [a]", "runner.model_save_path = ['a']: expected a path"),
        ("model_save_path: ''", "runner.model_save_path = '': expected a path"),
        ("train_reader_path: True", "runner.train_reader_path = True: expected a text"),
    ],
)
def test_a_bad_text_in_the_file(load, line, problem):
    assert refusal(load, text=f"runner:\n  {line}\n").endswith(f"config.yaml: {problem}")


def test_an_override_mends_a_bad_value_of_the_file(load):
    text = BASE.replace("epochs: 2", "epochs: 0")
    assert load("runner.epochs=1", text=text).runner("epochs") == 1


def test_a_required_key_is_asked_for_by_name(load):
    config = load()
    with pytest.raises(UserError, match=r"config\.yaml: runner\.test_data_dir is not set"):
        config.runner("test_data_dir")


# Files that are no configuration


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("runner:\n  epochs: 3\n bad: [1\n", r", line \d: \S"),
        ("runner:\n  a: 1\n\tb: 2\n", ", line 3: found character"),
        ("a: b: c\n", ", line 1: mapping values are not allowed here"),
        ("", ": expected keys and values, found nothing"),
        ("# a comment only\n", ": expected keys and values, found nothing"),
        ("- a\n- b\n", r": expected keys and values, found \['a', 'b'\]"),
        ("just text", ": expected keys and values, found 'just text'"),
        ("runner: [1, 2]\n", r": runner: expected keys and values, found \[1, 2\]"),
        ("hyper_parameters: 3\n", ": hyper_parameters: expected keys and values, found 3"),
        ("on: !!bool perhaps\n", ", line 1: expected a value of !!bool, found 'perhaps'"),
        ("runner:\n  a: !!map 3\n", ", line 2: expected keys and values"),
        ("? [1, 2]\n: 3\n", ", line 1: expected a key, found a list or a mapping"),
        ("a: 1e400\n", ", line 1: 1e400 is too large for a number"),
        ("a: " + "[" * 2000, ", line 1: more than 100 lists or mappings are in one another"),
        ("- " * 2000, ", line 1: more than 100 lists or mappings are in one another"),
        (LAUGHS, ", line 7: what stands here is of more than 1000000 characters"),
        (LAUGHS.replace("[", "{<<: [").replace("]", "]}"), ", line 7: what stands here is of"),
        ("day: 2020-13-40\n", ", line 1: .* !!timestamp, found '2020-13-40': month must be in"),
        (b"runner:\n  name: \xff\n", ": .*utf-8"),
        (b"runner:\n  name: \x00\n", ": unacceptable character"),
    ],
)
def test_a_file_that_is_no_configuration(load, tmp_path, text, problem):
    message = refusal(load, text=text)
    assert re.match(re.escape(str(tmp_path / "model" / "config.yaml")) + problem, message), message


def test_malformed_yaml_names_its_line(load):
    lines = BASE.splitlines(True)
    lines.insert(4, "  oops\n")
    assert re.search(
        r"config\.yaml, line 6: could not find expected ':'", refusal(load, text="".join(lines))
    )


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(UserError) as caught:
        load_config(str(tmp_path / "none.yaml"))
    assert str(caught.value) == f"{tmp_path / 'none.yaml'}: No such file or directory"
    with pytest.raises(UserError, match="Is a directory"):
        load_config(str(tmp_path))


@pytest.mark.parametrize("text", ["runner:\nhyper_parameters:\n", "runner: {}\n"])
def test_empty_sections_are_no_keys(load, caplog, text):
    config = load(text=text)
    assert set(config) == {"config_abs_dir", "yaml_path"}
    assert not caplog.records


def test_a_byte_order_mark_is_no_part_of_the_first_key(load):
    assert load(text=b"\xef\xbb\xbf" + BASE.encode())["runner.epochs"] == 2


def test_numbers_without_a_point_are_numbers_and_zeros_in_front_are_not(load):
    text = "hyper_parameters: {a: 1e-3, b: 1E5, c: 1., d: -.5, e: 10, f: '1e-3', g: 08, h: e5}\n"
    config = load(text=text, declared=None)
    found = [config[f"hyper_parameters.{name}"] for name in "abcdefgh"]
    assert found == [0.001, 1e5, 1.0, -0.5, 10, "1e-3", "08", "e5"]
    assert type(found[4]) is int


# The mapping


def test_it_is_a_flat_mapping_that_knows_its_folder(load, tmp_path):
    config = load()
    assert config["hyper_parameters.optimizer.class"] == "adam"
    assert config.get("runner.absent", 5) == 5
    assert "runner.epochs" in config
    assert config["config_abs_dir"] == config.folder == str(tmp_path / "model")
    assert config["yaml_path"] == config.yaml_path == str(tmp_path / "model" / "config.yaml")
    assert len(config) == len(list(config)) == len(dict(config))


def test_it_is_frozen(load):
    config = load()
    with pytest.raises(TypeError):
        config["runner.epochs"] = 3
    with pytest.raises(TypeError):
        del config["runner.epochs"]
    for method in ("update", "pop", "setdefault", "clear"):
        assert not hasattr(config, method)


def test_what_is_built_from_stays_apart(load):
    first = load()
    load("runner.epochs=9")
    assert first["runner.epochs"] == 2


def test_defaults_are_those_of_the_schema(load):
    config = load()
    assert "runner.shuffle" not in config
    assert config.runner("shuffle") is True
    assert config.runner("seed") == 12345
    assert config.runner("use_gpu") is None
    assert config.runner("infer_load_path") is None


def test_null_in_the_file_is_the_default(load):
    config = load(text=BASE.replace("runner:\n", "runner:\n  seed: null\n  use_gpu:\n"))
    assert config.runner("seed") == 12345
    assert config.runner("use_gpu") is None


# Paths


def test_paths_of_the_file_are_relative_to_it(load, tmp_path):
    (tmp_path / "here" / "data" / "train").mkdir(parents=True)
    config = load(text=BASE.replace("runner:\n", "runner:\n  model_init_path: ../other/3\n"))
    assert config.runner("train_data_dir") == str(tmp_path / "model" / "data" / "train")
    assert config.runner("model_init_path") == str(tmp_path / "other" / "3")
    assert config.runner("model_save_path") == str(tmp_path / "model" / "output_model")
    assert config["runner.train_data_dir"] == "data/train"  # as written


def test_absolute_paths_and_the_home_folder(load, tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    config = load("runner.train_data_dir=/a/b", "runner.test_data_dir=~/data")
    assert config.runner("train_data_dir") == "/a/b"
    assert config.runner("test_data_dir") == str(tmp_path / "home" / "data")


INPUTS = ["train_data_dir", "test_data_dir", "infer_load_path", "model_init_path"]
OUTPUTS = ["model_save_path", "visual_dir", "cache_dir"]


@pytest.mark.parametrize("name", INPUTS + OUTPUTS)
def test_paths_of_overrides_are_relative_to_the_current_directory(load, tmp_path, name):
    (tmp_path / "here" / "both").mkdir()
    (tmp_path / "model" / "both").mkdir(parents=True)
    for path in ("both", "neither"):
        expected = str(tmp_path / "here" / path)
        assert load(f"runner.{name}={path}").runner(name) == expected


@pytest.mark.parametrize("name", INPUTS + OUTPUTS)
def test_only_what_is_read_is_also_looked_for_beside_the_file(load, tmp_path, name):
    (tmp_path / "model" / "there").mkdir(parents=True)
    place = "model" if name in INPUTS else "here"
    assert load(f"runner.{name}=there").runner(name) == str(tmp_path / place / "there")


def test_predictions_never_replace_a_file_beside_the_yaml(load, tmp_path):
    (tmp_path / "model" / "rows.csv").write_text("mine")
    config = load("runner.save_predictions=rows.csv")
    assert config.runner("save_predictions") == str(tmp_path / "here" / "rows.csv")


def test_an_error_names_where_the_value_was_given(load):
    config = load("runner.train_data_dir=nowhere")
    assert str(config.error("runner.train_data_dir", "no")) == (
        "-o: runner.train_data_dir = 'nowhere': no"
    )
    assert str(config.error("runner.epochs", "no")) == f"{config.yaml_path}: runner.epochs = 2: no"


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("runner:\n  epochs: 3\n  epochs: 1\n", "line 3: epochs stands there twice"),
        ("runner: &a\n  x: *a\n", "an alias contains itself"),
        ("hyper_parameters:\n  optimizer: sgd\n", "expected a section with .*optimizer.class"),
    ],
)
def test_what_a_yaml_must_not_say(tmp_path, text, problem):
    path = tmp_path / "config.yaml"
    path.write_text(text)
    declared = {"optimizer.class": "adam"}
    with pytest.raises(UserError, match=problem):
        load_config(str(path), [], lambda folder: declared)


def test_a_key_that_stands_twice_in_a_yaml_of_paddlerec(tmp_path, caplog):
    """It takes the last one, and so the folder's YAML must go on doing so; but not silently."""
    path = tmp_path / "config.yaml"
    path.write_text("runner:\n  epochs: 3\n  seed: 1\n  epochs: 2\n")
    assert load_config(str(path)).runner("epochs") == 2
    assert f"{path}, line 4: epochs stands there twice: the last one counts" in caplog.text


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ("runner.epochs: 3\nrunner: {epochs: 2}\n", "runner.epochs"),
        ("hyper_parameters: {x: {true: a, 'True': b}}\n", "hyper_parameters.x.True"),
    ],
)
def test_one_key_written_in_two_ways_stands_twice(load, text, key):
    assert refusal(load, text=text).endswith(f"config.yaml: {key} stands there twice")


@pytest.mark.parametrize("value", ["1e400", "&a [*a]", "[" * 2000, "!!bool x", "? [1]"])
def test_what_is_no_yaml_of_an_option_is_no_number(load, value):
    message = refusal(load, f"hyper_parameters.rate={value}")
    assert message == f"-o hyper_parameters.rate={value}: expected a number"


def test_digits_of_other_scripts_are_text(load):
    assert (
        load(text="hyper_parameters: {name: 1\u0661.5}\n")["hyper_parameters.name"] == "1\u0661.5"
    )


@pytest.mark.parametrize("value", ["a\0b", "\ud800"])
def test_a_path_that_no_file_can_have(load, value):
    assert refusal(load, f"runner.model_save_path={value}") == (
        f"-o: runner.model_save_path = {value!r}: no file can be called that"
    )


def test_an_integer_is_one_that_numpy_and_paddle_hold(load):
    assert load(f"runner.seed={2**63 - 1}").runner("seed") == 2**63 - 1
    assert refusal(load, f"runner.seed={2**63}").endswith(f": expected at most {2**63 - 1}")
