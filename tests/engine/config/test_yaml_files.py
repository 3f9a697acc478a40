"""YAML files: scalars of YAML 1.2's core schema, limits, and errors that name the line."""

import math
import re
from datetime import date

import pytest
import yaml
from sample_yaml import BASE

from engine.config import yaml_files, yaml_scalars
from engine.config.load import load_config
from engine.system.errors import UserError

# Each line expands to eight times the line before.
LAUGHS = "a: &a {x: 1}\n" + "".join(
    f"{after}: &{after} [{', '.join(8 * ['*' + before])}]\n"
    for before, after in zip("abcdefghijk", "bcdefghijkl")
)

# Expected values are written by hand from section 10.3.2 of YAML 1.2.2; 012 is the one exception.
SCALARS = {
    "": None,
    "~": None,
    "null": None,
    "Null": None,
    "NULL": None,
    "true": True,
    "True": True,
    "TRUE": True,
    "false": False,
    "False": False,
    "FALSE": False,
    "0": 0,
    "-0": 0,
    "90": 90,
    "-19": -19,
    "+5": 5,
    "0o17": 15,
    "0x1F": 31,
    "0xff": 255,
    "0.": 0.0,
    "-0.5": -0.5,
    ".5": 0.5,
    "+.5": 0.5,
    "1e-3": 0.001,
    "1E5": 100000.0,
    "+12e03": 12000.0,
    "-2E+05": -200000.0,
    "01.5": 1.5,
    "01e1": 10.0,
    ".inf": math.inf,
    "+.Inf": math.inf,
    "-.INF": -math.inf,
}
TEXTS = ["yes", "no", "on", "off", "Yes", "No", "On", "Off", "YES", "NO", "ON", "OFF", "y", "n"]
TEXTS += ["tRUE", "nULL", "1:30", "190:20:30", "1:30.5", "012", "-012", "+007", "00", "08", "0b1"]
TEXTS += ["-0b101", "1_000", "0x_1f", "1_0.5", "-0o7", "+0x1", "0o8", "0xG", "1e", "e5", "+-5"]
TEXTS += ["2026-01-31", "2020-13-40", "2026-01-31T10:00:00Z", "1.2.3", "--5", ".", "+", "=", "²"]
TEXTS += [".infinity", "-.nan", "inf", "nan", "\u0661\u0662", "1\u0661.5"]


@pytest.mark.parametrize("text", SCALARS)
def test_scalars_of_the_core_schema(text):
    for content in (f"a: {text}\n", f"a: [{text}, x]\n" if text else "a: [~, x]\n"):
        value = yaml_files.load(content)[0]["a"]
        value = value[0] if isinstance(value, list) else value
        assert value == SCALARS[text]
        assert type(value) is type(SCALARS[text])
    assert math.isnan(yaml_files.load(".NaN")[0])


@pytest.mark.parametrize("text", TEXTS)
def test_everything_else_is_a_text(text):
    assert yaml_files.load(f"a: {text}\n{text}: b\n")[0] == {"a": text, text: "b"}


@pytest.mark.parametrize("text", [*SCALARS, *TEXTS])
def test_quoted_scalars_are_texts(text):
    assert yaml_files.load(f"a: '{text}'\nb: \"{text}\"\n")[0] == {"a": text, "b": text}


@pytest.mark.parametrize(
    ("text", "value"),
    [("!!str 1", "1"), ("!!float 3", 3.0), ("!!int 0x10", 16), ("!!bool true", 1)],
)
def test_tags_follow_the_core_schema_too(text, value):
    assert yaml_files.load(text)[0] == value


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("!!bool yes", "expected a value of !!bool, found 'yes': write True or False"),
        ("!!int 012", "!!int, found '012': write digits only, without leading zeros"),
        ("!!int 1:30", "!!int, found '1:30': write digits only"),
        ("!!float 1:30", "!!float, found '1:30': write a number such as 0.5, 1e-3 or .inf"),
        ("!!float 0x1F", "!!float, found '0x1F'"),
        ("-1e400", "-1e400 is too large for a number; infinity is .inf"),
        pytest.param("9" * 5000, "!!int, found '999.*: Exceeds the limit", id="5000 digits"),
    ],
)
def test_tags_that_do_not_fit(text, problem):
    with pytest.raises(yaml.YAMLError, match=problem):
        yaml_files.load(text)


def test_merges_and_aliases_are_read():
    text = "a: &a {x: 1, y: 2}\nb: {<<: *a, y: 3}\n"
    assert yaml_files.load(text)[0]["b"] == {"x": 1, "y": 3}


@pytest.mark.parametrize("value", [*SCALARS, *TEXTS, "a", 1e-5, 1e300, 2**70, None, True, math.inf])
def test_what_the_dumper_writes_is_read_back_by_both_versions(value):
    text = yaml.dump({"a": value}, Dumper=yaml_scalars.Dumper, allow_unicode=True)
    assert yaml_files.load(text)[0] == {"a": value}
    assert yaml.safe_load(text) == {"a": value}


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
        ("a: " + "[" * 2000, ", line 1: lists or mappings are nested more than 100 levels deep"),
        ("- " * 2000, ", line 1: lists or mappings are nested more than 100 levels deep"),
        (LAUGHS, ", line 7: this is more than 1000000 characters with aliases expanded"),
        (LAUGHS.replace("[", "{<<: [").replace("]", "]}"), ", line 7: this is more than 1000000 "),
        ("runner: &a\n  x: *a\n", ", line 1: an alias contains itself"),
        ("day: !!timestamp 2020-13-40\n", ", line 1: .* !!timestamp, found '2020-13-40': month"),
        (b"runner:\n  name: \xff\n", ", line 2: expected text in UTF-8: save the file as UTF-8"),
        ("runner:\n\n  name: 点击\n".encode("gbk"), ", line 3: expected text in UTF-8"),
        ("runner: {}\n".encode("utf-16"), ", line 1: expected text in UTF-8"),
        (b"runner:\n  name: \x00\n", ": unacceptable character"),
    ],
)
def test_malformed_files(refusal, tmp_path, text, problem):
    message = refusal(text=text)
    assert re.match(re.escape(str(tmp_path / "model" / "config.yaml")) + problem, message), message


def test_malformed_yaml_names_its_line(refusal):
    lines = BASE.splitlines(True)
    lines.insert(4, "  oops\n")
    assert re.search(
        r"config\.yaml, line 6: could not find expected ':'", refusal(text="".join(lines))
    )


def test_a_missing_file_and_a_folder(tmp_path):
    with pytest.raises(UserError) as caught:
        load_config(str(tmp_path / "none.yaml"))
    assert str(caught.value) == f"{tmp_path / 'none.yaml'}: No such file or directory"
    with pytest.raises(UserError, match="Is a directory"):
        load_config(str(tmp_path))


def test_a_byte_order_mark_is_not_part_of_the_first_key(load):
    assert load(text=b"\xef\xbb\xbf" + BASE.encode())["runner.epochs"] == 2


def test_a_date_needs_its_tag():
    assert yaml_files.load("!!timestamp 2026-01-31")[0] == date(2026, 1, 31)
