"""docs/configuration.md says what the code does: the same keys, types, defaults and words."""

import re
from pathlib import Path

import yaml

from engine.config.runner_keys import REQUIRED, RUNNER
from engine.model_folder import loading

ROOT = Path(loading.REPOSITORY)
DOCUMENT = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
SHARED = "Every model"  # the heading of the hyper-parameters that no net has of its own


def table(heading):
    """The rows under a heading, each a tuple of its cells."""
    section = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", DOCUMENT, re.M | re.S)
    assert section, f"docs/configuration.md has no heading {heading!r}"
    lines = [line for line in section[1].splitlines() if line.startswith("|")]
    assert re.fullmatch(r"[|-]+", lines[1])
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines[2:]]


def written(default):
    if default is REQUIRED:
        return "required"
    if default is None:
        return "not set"
    return f"`{list(default) if isinstance(default, tuple) else default}`"


def test_the_runner_table_is_the_schema():
    schema = [
        (f"`runner.{name}`", key.kind, written(key.default), key.meaning)
        for name, key in RUNNER.items()
    ]
    assert table("Keys of `runner`") == schema


def test_the_hyper_parameters_are_the_models(folder):
    declared = loading.hyper_parameters(str(folder))
    rows = table(folder.name) + table(SHARED)
    documented = {key: default for key, default, _ in rows}
    assert len(documented) == len(rows), "a key is there twice"
    assert documented == {f"`{name}`": written(value) for name, value in declared.items()}
    assert all(meaning.endswith(".") for _, _, meaning in rows)


def test_a_table_without_a_model_is_noticed():
    headings = re.findall(r"^### (.+)$", DOCUMENT, re.M)
    models = [path.parent.name for path in ROOT.glob("models/multitask/*/net.py")]
    assert sorted(headings) == sorted([SHARED, *models])


def test_every_key_of_the_shipped_yamls_is_documented(folder):
    hyper = {key.strip("`") for key, *_ in table(folder.name) + table(SHARED)}
    for path in folder.glob("*.yaml"):
        content = yaml.safe_load(path.read_text(encoding="utf-8"))
        assert set(content) == {"runner", "hyper_parameters"}
        assert set(content["runner"]) <= set(RUNNER), path
        for name, value in content["hyper_parameters"].items():
            inner = [f"{name}.{key}" for key in value] if isinstance(value, dict) else [name]
            assert set(inner) <= hyper, path


def test_every_default_is_a_valid_value():
    for name, key in RUNNER.items():
        assert key.default is REQUIRED or key.default is None or key.check(key.default), name
