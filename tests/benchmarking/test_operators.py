"""benchmarks/operators.py: the counts follow from the net."""

import importlib
import sys
from pathlib import Path

import pytest

from engine import command_line
from engine.model_folder import loading
from models.common.fast_step.code import AVAILABLE

ROOT = Path(loading.REPOSITORY)
pytestmark = pytest.mark.skipif(
    not AVAILABLE, reason="this Paddle has no gradient kernels in Python"
)


@pytest.fixture
def run(monkeypatch, capsys):
    """Runs the command in this process; returns its exit code, standard output and error."""
    monkeypatch.syspath_prepend(str(ROOT / "benchmarks"))
    operators = importlib.import_module("operators")

    def command(*arguments):
        monkeypatch.setattr(sys, "argv", ["operators.py", "-m", *map(str, arguments)])
        with pytest.raises(SystemExit) as caught:
            command_line.run(operators.main)
        return caught.value.code, *capsys.readouterr()

    return command


@pytest.fixture
def counts(run):
    """Returns the kernel calls, forward and backward, and the parameters of a configuration."""

    def count(*arguments):
        code, stdout, stderr = run(*arguments)
        assert code == 0, stderr
        return [int(number) for number in stdout.splitlines()[1].split()[:3]]

    return count


def test_counts_follow_from_the_net(counts):
    yaml = ROOT / "models" / "multitask" / "mmoe" / "config.yaml"
    forward, backward, parameters = counts(yaml)
    # Eight experts of 16 and two gates on 499 features, two towers of 8 and two logits each.
    assert parameters == 499 * 144 + 144 + 2 * (16 * 8 + 8) + 2 * (8 * 2 + 2)
    more = counts(yaml, "-o", "hyper_parameters.expert_num=16")
    assert more[:2] == [forward, backward]  # as many kernels, on larger matrices
    assert more[2] == parameters + 500 * 144
    deeper = counts(yaml, "-o", "hyper_parameters.tower_size=[8,8]")
    # One more product with its bias, and ReLU; back the ReLU, the product and the bias.
    assert deeper[:2] == [forward + 2, backward + 3]


def test_a_net_without_generated_step_is_an_error(run):
    yaml = ROOT / "models" / "multitask" / "dselect_k" / "config.yaml"
    code, _, stderr = run(yaml)
    assert code == 2
    (line,) = [line for line in stderr.splitlines() if line.startswith("error: ")]
    assert line.startswith(f"error: {yaml}: the step cannot be generated as code: ")
