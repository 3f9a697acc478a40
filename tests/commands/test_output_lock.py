"""Two runs into one output folder: the second refuses, whichever graph it is."""

import os
import signal
import subprocess
import sys

import pytest

from engine.model_folder import loading


@pytest.fixture
def start(model, elsewhere):
    """Starts a command; what still runs at the end is killed."""
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


def test_the_second_run_refuses_until_the_first_is_gone(start, model):
    first = start("trainer", "runner.epochs=100000")
    wait_for(first, " - saved ")
    output = model / "output_model_mmoe"
    for name in ("trainer", "static_trainer"):
        second = start(name, "runner.epochs=1")
        error = second.communicate()[1].splitlines()[-1]
        assert second.returncode == 2
        assert error.startswith(f"error: {output} is in use by trainer.py, process {first.pid} on ")
    first.send_signal(signal.SIGKILL)
    first.wait()
    third = start("static_trainer", "runner.epochs=1")
    third.communicate()
    assert third.returncode == 0
    assert {"rec.json", "rec_static.json"} <= set(os.listdir(output / "0"))
    assert not (output / ".lock").exists()
