"""Options of commands: integers, booleans, and descriptions that `-h` prints as typed."""

import argparse
import ast
import subprocess
import sys
from pathlib import Path

import pytest

from engine import command_line
from engine.model_folder import loading
from engine.system import integers
from engine.system.errors import UserError

COMMANDS = sorted((Path(loading.REPOSITORY) / "tools").glob("*.py"))


def parse(text, minimum=0):
    """Returns the integer, or the message of the error."""
    try:
        return command_line.at_least(minimum)(text)
    except argparse.ArgumentTypeError as error:
        return str(error)


@pytest.mark.parametrize(
    ("text", "value"), [("0", 0), ("-0", 0), ("5", 5), ("+5", 5), (str(2**63 - 1), 2**63 - 1)]
)
def test_integers(text, value):
    assert parse(text) == integers.parse(text) == value


@pytest.mark.parametrize(
    "text",
    [
        *["", "²", "--5", "+-5", "- 5", " 5", "5\n", "5.0", "1e3", "1_000", "012", "00", "0x1F"],
        *["\u0663", "five", "True", pytest.param("9" * 5000, id="5000 digits")],
    ],
)
def test_other_texts_are_not_integers(text):
    assert parse(text) == f"expected an integer of at least 0, found {text!r:.60}"
    with pytest.raises(ValueError, match=r"is not an integer|Exceeds the limit"):
        integers.parse(text)


def test_the_limits_of_integers():
    assert parse("-5", minimum=-5) == -5
    assert parse("-6", minimum=-5) == "expected an integer of at least -5, found '-6'"
    assert parse("0", minimum=1) == "expected an integer of at least 1, found '0'"
    assert parse(str(2**63)) == f"expected at most {2**63 - 1}, found '{2**63}'"


@pytest.mark.parametrize("text", ["True", "true", "T", "YES", "1"])
def test_booleans(text):
    assert command_line.boolean(text) is True


def test_other_texts_are_not_booleans():
    with pytest.raises(argparse.ArgumentTypeError, match="expected True or False, found 'on'"):
        command_line.boolean("on")


def test_a_bad_option_is_one_line(capsys):
    parser = command_line.parser("Trains.")
    parser.add_argument("--steps", type=command_line.at_least(1))
    with pytest.raises(SystemExit) as end:
        parser.parse_args(["-m", "a.yaml", "--steps=--5"])
    assert end.value.code == 2
    assert capsys.readouterr().err == (
        "error: argument --steps: expected an integer of at least 1, found '--5' "
        "(--help lists the options)\n"
    )


@pytest.mark.parametrize("path", COMMANDS, ids=lambda path: path.name)
def test_help_prints_every_line_of_the_description_as_typed(path):
    """A backslash at the end of a line, in a text that is not raw, joins two lines."""
    source = path.read_text(encoding="utf-8")
    node = ast.parse(source).body[0]
    lines = source.splitlines()[node.lineno - 1 : node.end_lineno]
    typed = "\n".join(lines).lstrip("r").strip('"').strip()
    command = [sys.executable, str(path), "-h"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    assert typed in done.stdout


def test_a_script_ends_as_a_command_does(capsys):
    others = []
    hook = command_line.except_hook(lambda *error: others.append(error))
    with pytest.raises(SystemExit) as caught:
        hook(UserError, UserError("there is\nno file"), None)
    assert caught.value.code == 2
    assert capsys.readouterr().err == "error: there is no file\n"
    fault = KeyError("x")
    hook(KeyError, fault, None)
    assert others == [(KeyError, fault, None)]
