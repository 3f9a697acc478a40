"""docs/configuration.md and its Chinese page list the keys, types and defaults of the code."""

import re
from pathlib import Path

import pytest
import yaml

from engine.config.runner_key import REQUIRED
from engine.config.runner_keys import RUNNER
from engine.model_folder import loading

ROOT = Path(loading.REPOSITORY)
ENGLISH, CHINESE = "configuration.md", "configuration_CN.md"
SHARED = "Every model"  # the heading of the hyper-parameters that all nets have
FIELDS = "Sparse fields"
TRANSLATED = {
    "Keys of `runner`": "`runner` 的键",
    SHARED: "所有模型",
    FIELDS: "稀疏字段",
    "bool": "布尔",
    "int": "整数",
    "text": "文本",
    "path": "路径",
    "paths": "一个或多个路径",
    "output path": "输出路径",
    "any": "任意",
    "required": "必需",
    "not set": "未设置",
}
MODELS = sorted(path.parent.name for path in ROOT.glob("models/multitask/*/net.py"))


def table(heading, page=ENGLISH):
    """Returns the rows under a heading, each a tuple of its cells."""
    document = (ROOT / "docs" / page).read_text(encoding="utf-8")
    section = re.search(rf"^#+ {re.escape(heading)}\n(.*?)(?=^#|\Z)", document, re.M | re.S)
    assert section, f"docs/{page} has no heading {heading!r}"
    lines = [line for line in section[1].splitlines() if line.startswith("|")]
    assert re.fullmatch(r"[|-]+", lines[1])
    return [tuple(cell.strip() for cell in line.strip("|").split("|")) for line in lines[2:]]


def text_of(default):
    """Returns a default as the documentation writes it."""
    if default is REQUIRED:
        return "required"
    if default is None:
        return "not set"
    return f"`{list(default) if isinstance(default, tuple) else default}`"


def test_the_runner_table_is_that_of_the_code():
    expected = [
        (f"`runner.{name}`", key.kind, text_of(key.default), key.meaning)
        for name, key in RUNNER.items()
    ]
    assert table("Keys of `runner`") == expected


@pytest.mark.parametrize("heading", ["Keys of `runner`", SHARED, FIELDS, *MODELS])
def test_both_pages_list_the_same_keys_types_and_defaults(heading):
    expected = [tuple(TRANSLATED.get(cell, cell) for cell in row[:-1]) for row in table(heading)]
    rows = table(TRANSLATED.get(heading, heading), CHINESE)
    assert [row[:-1] for row in rows] == expected
    assert all(row[-1].endswith(("。", "）")) for row in rows)


def test_both_pages_link_to_the_same_pages():
    for english, chinese in zip(table("Keys of `runner`"), table("`runner` 的键", CHINESE)):
        links = re.findall(r"\((\w+)\.md\)", english[-1])
        assert re.findall(r"\((\w+)_CN\.md\)", chinese[-1]) == links, english[0]


def test_the_hyper_parameters_are_those_of_the_models(folder):
    declared = loading.hyper_parameters(str(folder))
    rows = table(folder.name) + table(SHARED)
    documented = {key: default for key, default, _ in rows}
    assert len(documented) == len(rows), "a key is listed twice"
    assert documented == {f"`{name}`": text_of(value) for name, value in declared.items()}
    assert all(meaning.endswith(".") for _, _, meaning in rows)


@pytest.mark.parametrize("page", [ENGLISH, CHINESE])
def test_every_model_has_a_table_and_every_table_a_model(page):
    document = (ROOT / "docs" / page).read_text(encoding="utf-8")
    shared = SHARED if page == ENGLISH else TRANSLATED[SHARED]
    assert sorted(re.findall(r"^### (.+)$", document, re.M)) == sorted([shared, *MODELS])


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
