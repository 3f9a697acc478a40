"""benchmarks/operators.py: the counts follow from the net."""

import subprocess
import sys
from pathlib import Path

import pytest

from engine.model_folder import loading
from models.common.fast_step.code import AVAILABLE

ROOT = Path(loading.REPOSITORY)
pytestmark = pytest.mark.skipif(
    not AVAILABLE, reason="this Paddle has no gradient kernels in Python"
)


def run(*arguments):
    command = [sys.executable, str(ROOT / "benchmarks" / "operators.py"), "-m"]
    return subprocess.run(
        [*command, *map(str, arguments)], capture_output=True, text=True, check=False
    )


def counts(*arguments):
    """Returns forward and backward kernels, and parameters."""
    done = run(*arguments)
    assert done.returncode == 0, done.stderr
    return [int(number) for number in done.stdout.splitlines()[1].split()[:3]]


def test_counts_follow_from_the_net():
    yaml = ROOT / "models" / "multitask" / "mmoe" / "config.yaml"
    forward, backward, parameters = counts(yaml)
    # Eight experts of 16 and two gates on 499 features, two towers of 8 and two logits each.
    assert parameters == 499 * 144 + 144 + 2 * (16 * 8 + 8) + 2 * (8 * 2 + 2)
    more = counts(yaml, "-o", "hyper_parameters.expert_num=16")
    assert more[:2] == [forward, backward]  # as many kernels, on larger matrices
    assert more[2] == parameters + 500 * 144
    deeper = counts(yaml, "-o", "hyper_parameters.tower_size=[8,8]")
    # One more product, bias and ReLU; back the ReLU, the product and the bias.
    assert deeper[:2] == [forward + 3, backward + 3]


def test_a_net_without_generated_step_is_an_error():
    yaml = ROOT / "models" / "multitask" / "dselect_k" / "config.yaml"
    done = run(yaml)
    assert done.returncode == 2
    assert done.stderr.startswith(f"error: {yaml}: its step is not written as code: ")
    assert len(done.stderr.splitlines()) == 1
