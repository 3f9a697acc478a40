"""Every target is fuzzed for a moment by coverage; and what fuzzing is to find, it finds."""

import importlib.util
import os
import re
import subprocess
import sys

import fuzz_guard
import pytest
from fuzz_targets import TARGETS

HERE = os.path.dirname(__file__)
LEAST = 50  # inputs of a target, also on a machine that is busy

needs_atheris = pytest.mark.skipif(
    importlib.util.find_spec("atheris") is None,
    reason="atheris is not installed: it is made for Linux on x86-64 and Python 3.11 to 3.13",
)

# Faults of each kind, one of which ends the process.
PLANTED = """
import importlib.util
import os
from typing import NamedTuple

import fuzz_guard


class Target(NamedTuple):
    check: object
    seeds: object
    tokens: list


def raises(data):
    if data[:1] == b"F":
        raise KeyError("planted")


def runs(data):
    with fuzz_guard.watched("runs"):
        if data[:1] == b"F":
            os.system("true")


def dies(data):
    if data[:1] == b"F":
        os.kill(os.getpid(), 11)


def right(data):
    return None


TARGETS = {
    name.__name__: Target(name, lambda: [b"x"], [b"F"]) for name in (raises, runs, dies, right)
}
"""


def fuzz(folder, *arguments):
    command = [sys.executable, os.path.join(HERE, "fuzz.py"), *map(str, arguments)]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


def counts(output):
    """Inputs, edges and failures by target, as the table has them."""
    rows = re.findall(r"^(\w+) +(\d+) +(\d+) +(\d+)$", output, re.MULTILINE)
    return {name: tuple(map(int, numbers)) for name, *numbers in rows}


@needs_atheris
def test_no_input_is_a_fault(tmp_path, extent, guided):
    done = fuzz(tmp_path, *extent)
    assert done.returncode == 0, done.stdout + done.stderr
    found = counts(done.stdout)
    assert set(found) == set(TARGETS)
    for name, (inputs, edges, _) in found.items():
        assert inputs >= LEAST, name
        assert edges > 0, name
        guided[name] += inputs
    total = re.search(r"fuzzed: (\d+) inputs in \d+ s, 0 failures", done.stdout)
    assert int(total[1]) == sum(inputs for inputs, _, _ in found.values())


@needs_atheris
def test_faults_are_found_kept_and_replayed(tmp_path):
    targets = tmp_path / "planted.py"
    targets.write_text(PLANTED)
    done = fuzz(tmp_path, "--targets", targets, "--seconds", 3)
    found = counts(done.stdout)
    assert done.returncode == 1
    assert {name: failures for name, (_, _, failures) in found.items()} == {
        "raises": 1,
        "runs": 1,
        "dies": 1,
        "right": 0,
    }, done.stdout + done.stderr
    for name, said in (("raises", "KeyError: 'planted'"), ("runs", "made it call os.system")):
        (kept,) = (tmp_path / "fuzz_failures").glob(f"{name}-*[0-9a-f]")
        assert kept.read_bytes()[:1] == b"F"
        again = fuzz(tmp_path, "--targets", targets, "--replay", kept)
        assert again.returncode == 1
        assert said in again.stderr


@needs_atheris
def test_an_unknown_target_is_one_line(tmp_path):
    (tmp_path / "planted.py").write_text(PLANTED)
    done = fuzz(tmp_path, "--targets", "planted.py", "yml")
    assert done.returncode == 2
    assert "no target yml among raises, runs, dies, right" in done.stderr


def test_the_guard_sees_what_is_run_and_written(tmp_path):
    for act in (lambda: os.system("true"), lambda: open(tmp_path / "x", "w").close()):
        with pytest.raises(fuzz_guard.FaultError), fuzz_guard.watched("guard"):
            act()
    with fuzz_guard.watched("guard") as folder:
        fuzz_guard.put(folder, "x", b"")
    os.system("true")  # outside it is nobody's concern
    del fuzz_guard.TRIED["guard"]


@pytest.mark.parametrize(
    ("message", "problem"),
    [("", "says nothing"), ("x" * 5000, "5000 characters"), ("bad", "does not name rows.csv")],
)
def test_a_refusal_has_to_be_a_line_that_says_where(message, problem):
    with pytest.raises(fuzz_guard.FaultError, match=problem):
        fuzz_guard.refusal(ValueError(message), 5, "rows.csv")
    assert fuzz_guard.refusal(ValueError("rows.csv:1:\nbad"), 5, "rows.csv") == "rows.csv:1: bad"
