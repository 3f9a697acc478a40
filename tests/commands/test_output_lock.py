"""Two runs with the same output folder: the second is refused, in either graph."""

import os
import signal
import subprocess
import sys

import pytest

from engine.model_folder import loading


@pytest.fixture
def start(model, elsewhere):
    """Starts a command in its own process; kills it at the end of the test."""
    started = []

    def run(name, *overrides):
        path = os.path.join(loading.REPOSITORY, "tools", f"{name}.py")
        started.append(
            subprocess.Popen(
                [sys.executable, path, "-m", str(model / "config.yaml"), "-o", *overrides],
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                text=True,
            )
        )
        return started[-1]

    yield run
    for process in started:
        process.kill()
        process.wait()
        process.stderr.close()


def wait_for(process, text):
    for line in process.stderr:
        if text in line:
            return
    pytest.fail(f"it ended without {text!r}")


def test_a_second_run_is_refused_until_the_first_has_ended(start, command, model):
    yaml = model / "config.yaml"
    first = start("trainer", "runner.epochs=100000")
    wait_for(first, " - saved ")
    output = model / "output_model_mmoe"
    for name in ("trainer", "static_trainer"):
        code, stderr = command(name, "-m", yaml, "-o", "runner.epochs=1")
        assert code == 2
        error = stderr.splitlines()[-1]
        assert error.startswith(f"error: {output} is in use by trainer.py, process {first.pid} on ")
    first.send_signal(signal.SIGKILL)
    first.wait()
    code, stderr = command("static_trainer", "-m", yaml, "-o", "runner.epochs=1")
    assert code == 0, stderr
    assert {"rec.json", "rec_static.json"} <= set(os.listdir(output / "0"))
    assert not (output / ".lock").exists()
