"""`-o key=value`: values are read as YAML, keep their types and name unknown keys."""

import os

import pytest
from sample_yaml import BASE

from engine.system.errors import UserError


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("runner.epochs=7", 7),
        ("runner.epochs=+7", 7),
        ("runner.epochs=0x10", 16),
        ("runner.epochs=0o17", 15),
        ("runner.shuffle=False", False),
        ("runner.shuffle=TRUE", True),
        ("runner.init_scope=sparse", "sparse"),
        ("runner.init_scope=['tower*', gate_1]", ["tower*", "gate_1"]),
        ("runner.init_scope=[yes, 2026-01-31]", ["yes", "2026-01-31"]),
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
        ("hyper_parameters.rate=-.inf", float("-inf")),
        ("hyper_parameters.scaled=false", False),
        ("hyper_parameters.name=1e-3", "1e-3"),
        ("hyper_parameters.name=True", "True"),
        ("hyper_parameters.name=012", "012"),
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
        ("hyper_parameters.extras=1:30", "1:30"),
        ("hyper_parameters.extras=no", "no"),
        ("hyper_parameters.extras=2020-13-40", "2020-13-40"),
        ("hyper_parameters.extras=[1, 2", "[1, 2"),  # not YAML: a text
    ],
)
def test_an_override_is_read_as_yaml_and_keeps_its_type(load, override, expected):
    value = load("runner.model_init_path=x", override)[override.partition("=")[0]]
    assert value == expected
    assert type(value) is type(expected)


SPELLING = "; write digits only, without leading zeros or underscores"


@pytest.mark.parametrize(
    ("override", "expected"),
    [
        ("hyper_parameters.expert_num=2.0", "an integer"),
        ("hyper_parameters.expert_num=eight", "an integer"),
        ("hyper_parameters.expert_num=True", "an integer"),
        ("hyper_parameters.expert_num=null", "an integer; leave the key out for its default"),
        ("hyper_parameters.expert_num=1:30", "an integer"),
        ("hyper_parameters.expert_num=0b1", "an integer"),
        ("hyper_parameters.expert_num=012", f"an integer{SPELLING}"),
        ("hyper_parameters.expert_num=1_000", f"an integer{SPELLING}"),
        ("hyper_parameters.rate=fast", "a number"),
        ("hyper_parameters.rate=True", "a number"),
        ("hyper_parameters.rate=[0.5]", "a number"),
        ("hyper_parameters.rate=-012", f"a number{SPELLING}"),
        ("hyper_parameters.scaled=1", "True or False"),
        ("hyper_parameters.scaled=maybe", "True or False"),
        ("hyper_parameters.scaled=yes", "True or False; write True"),
        ("hyper_parameters.scaled=OFF", "True or False; write False"),
    ],
)
def test_an_override_of_another_type_is_refused(refusal, override, expected):
    assert refusal(override) == f"-o {override}: expected {expected}"


def test_an_override_has_the_type_of_the_default_or_else_of_the_files_value(load, refusal):
    text = BASE.replace("rate: 0.5", "rate: 2")
    assert load("hyper_parameters.rate=0.25", text=text)["hyper_parameters.rate"] == 0.25
    message = refusal("hyper_parameters.rate=0.25", text=text, declared=None)
    assert message.endswith("expected an integer")


@pytest.mark.parametrize("null", ["~", "null"])
@pytest.mark.parametrize("name", ["use_gpu", "model_init_path", "infer_reader_path", "seed"])
def test_an_override_with_null_restores_the_default(load, name, null):
    text = BASE.replace(
        "runner:\n",
        "runner:\n  use_gpu: True\n  model_init_path: p\n  infer_reader_path: r\n  seed: 7\n",
    )
    assert load(text=text).runner(name) in (True, os.path.abspath("../model/p"), "r", 7)
    config = load(f"runner.{name}={null}", text=text)
    assert config[f"runner.{name}"] is None
    assert config.runner(name) == (12345 if name == "seed" else None)


def test_the_last_override_of_a_key_counts(load):
    assert load("runner.epochs=3", "runner.epochs=4")["runner.epochs"] == 4
    options = ["hyper_parameters.extras=1", "hyper_parameters.extras=a"]
    assert load(*options)["hyper_parameters.extras"] == "a"


@pytest.mark.parametrize("text", ["runner.epochs", "=3", ""])
def test_an_override_needs_a_key_and_a_value(refusal, text):
    assert refusal(text) == f"-o {text}: expected key=value"


@pytest.mark.parametrize(
    ("override", "near"),
    [
        ("runner.epoch=1", "runner.epochs"),
        ("runner.batch_size=1", "runner.train_batch_size"),
        ("epochs=1", "runner.epochs"),
        ("hyper_parameters.expert_nun=1", "hyper_parameters.expert_num"),
        ("hyper_parameters.optimiser.class=sgd", "hyper_parameters.optimizer.class"),
        ("hyper_parameters.class=sgd", "hyper_parameters.optimizer.class"),
    ],
)
def test_an_unknown_key_is_an_error_that_names_the_nearest_key(refusal, override, near):
    key = override.partition("=")[0]
    assert refusal(override) == f"-o {override}: unknown key {key}; did you mean '{near}'?"


@pytest.mark.parametrize(
    "key",
    [
        "zzz",
        "runner.workers",
        "runner.loss_weighting",
        "hyper_parameters.loss_weighting",
        "hyper_parameters.optimizer.betas",
        "mine.depth",
        "yaml_path",
    ],
)
def test_an_unknown_key_without_a_near_key_has_no_suggestion(refusal, key):
    assert refusal(f"{key}=1") == f"-o {key}=1: unknown key {key}"


@pytest.mark.parametrize("value", ["{class: sgd}", "sgd", ""])
def test_a_section_cannot_be_replaced(refusal, value):
    override = f"hyper_parameters.optimizer={value}"
    assert refusal(override) == (
        f"-o {override}: hyper_parameters.optimizer is a section: set its keys one by one, such as "
        "hyper_parameters.optimizer.class=..."
    )
    assert "runner is a section" in refusal("runner=3")


def test_a_value_has_no_keys(refusal):
    override = "hyper_parameters.tower_size.click=[8, 4]"
    assert refusal(override) == (
        f"-o {override}: hyper_parameters.tower_size has no keys: expected one value, found the "
        "key click"
    )
    override = "hyper_parameters.tower_size={click: [8, 4]}"
    assert refusal(override) == f"-o {override}: expected an integer"


@pytest.mark.parametrize("name", ["model_save_path", "valid_data_dir", "epochs", "shuffle"])
@pytest.mark.parametrize("value", ["", " "])
def test_an_empty_value_is_refused(refusal, name, value):
    expected = "expected a value; null restores the default"
    assert refusal(f"runner.{name}={value}") == f"-o runner.{name}={value}: {expected}"
    assert refusal("hyper_parameters.extras=") == "-o hyper_parameters.extras=: expected a value"


@pytest.mark.parametrize(
    ("key", "expected"),
    [
        ("runner.infer_load_path", "a path; write null to unset the key, or ./{} for a path"),
        ("runner.valid_metric", "a text; write null to unset the key"),
        ("runner.seed", "an integer of at least 0; write null to unset the key"),
        ("hyper_parameters.rate", "a number; leave the key out for its default"),
    ],
)
@pytest.mark.parametrize("value", ["None", "none"])
def test_the_text_none_is_no_value(refusal, key, expected, value):
    message = refusal(f"{key}={value}")
    assert message.startswith("-o")
    assert f": expected {expected.format(value)}" in message
    text = BASE.replace("runner:\n", f"runner:\n  {key[7:]}: {value}\n")
    assert not key.startswith("runner") or expected.format(value) in refusal(text=text)


def test_an_override_of_a_folder_for_paddlerec_may_name_any_key_of_the_file(load):
    text = BASE + "mine:\n  depth: 3\n"
    assert load("mine.depth=4", text=text, declared=None)["mine.depth"] == 4


def test_without_declared_keys_only_keys_of_the_file_can_be_overridden(load, refusal):
    assert load("hyper_parameters.expert_num=4", declared=None)["hyper_parameters.expert_num"] == 4
    message = refusal("hyper_parameters.tower_size=4", declared=None)
    assert "unknown key hyper_parameters.tower_size" in message


@pytest.mark.parametrize("value", ["1e400", "&a [*a]", "[" * 2000, "!!bool x", "? [1]"])
def test_malformed_yaml_is_not_a_number(refusal, value):
    message = refusal(f"hyper_parameters.rate={value}")
    assert message == f"-o hyper_parameters.rate={value}: expected a number"


def test_a_key_that_is_twice_in_a_value_is_an_error(refusal):
    override = "hyper_parameters.expert_num=[{a: 1, a: 2}]"
    assert refusal(override) == f"-o {override}: a is set twice"


def test_a_required_key_that_an_override_removes(load):
    with pytest.raises(UserError, match=r"^-o: runner\.train_batch_size is not set$"):
        load("runner.train_batch_size=null").runner("train_batch_size")
