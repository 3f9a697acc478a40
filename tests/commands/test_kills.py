"""SIGKILL at any moment: checkpoints are complete, and resuming ends like an uninterrupted run."""

import json
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time

import numpy as np
import pytest

from engine.checkpoints import find, formats
from engine.model_folder import loading

# When a run is killed: at a random moment; while it saves an epoch, in the middle of an operation;
# while it saves after SIGTERM; after it was resumed inside an epoch, in its first save.
KINDS = ("moment", "epoch", "interrupted", "inside")
OPERATIONS = {"epoch": 30, "interrupted": 16, "inside": 16}  # about two saves, and one


class Driver:
    """Runs commands in forks of a process that has already imported Paddle."""

    def __init__(self, model, output, log, name):
        self.output, self.log = str(output), str(log)
        path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "kill_driver.py")
        self._argv = [os.path.join(loading.REPOSITORY, "tools", f"{name}.py")]
        self._argv += ["-m", str(model / "config.yaml"), "-o", f"runner.model_save_path={output}"]
        # A line a step shows when an epoch has begun, and makes its steps longer beside its save.
        self._argv += [
            "hyper_parameters.dropout=0.1",
            "runner.resume=True",
            "runner.print_interval=1",
        ]
        self.process = subprocess.Popen(
            [sys.executable, path], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
        )

    def start(self, epochs, **order):
        """Starts a run; returns its process number."""
        open(self.log, "w").close()
        argv = [*self._argv, f"runner.epochs={epochs}"]
        print(json.dumps({"argv": argv, "log": self.log, **order}), file=self.process.stdin)
        self.process.stdin.flush()
        return int(self.process.stdout.readline())

    def wait_for(self, text):
        """Waits until the run has logged a text."""
        for _ in range(6000):
            with open(self.log, encoding="utf-8") as file:
                if text in file.read():
                    return
            time.sleep(0.01)
        raise AssertionError(f"no {text!r} in a minute: {self.read()}")

    def wait_for_step(self):
        """Waits until the last line is of one of an epoch's first steps, so not of its save."""
        for _ in range(60_000):
            *_, last = self.read().splitlines()
            if re.search(r", batch_id: [1-4],", last):
                return
            time.sleep(0.001)
        raise AssertionError(f"no step in a minute: {self.read()}")

    def end(self):
        """Waits for the run's end; returns its status as `subprocess` does."""
        return os.waitstatus_to_exitcode(int(self.process.stdout.readline()))

    def read(self):
        with open(self.log, encoding="utf-8") as file:
            return file.read()


@pytest.fixture
def driver(model, tmp_path):
    """Returns a driver of runs into a folder."""
    started = []

    def make(name, output):
        started.append(Driver(model, tmp_path / output, tmp_path / f"{output}.log", name))
        return started[-1]

    yield make
    for each in started:
        each.process.kill()
        each.process.communicate()


def kill(driver, kind, rng):
    """Starts an endless run and ends it; returns whether SIGKILL ended it.

    If SIGTERM arrives while an epoch is saved, nothing more is saved. The operation in which the
    run should be killed may then not happen.
    """
    if kind == "inside":
        stop(driver, driver.start(10**6), signal.SIGTERM, rng)
        assert driver.end() == 128 + signal.SIGTERM, driver.read()
    order = {}
    if kind != "moment":
        when = "interrupted" if kind == "interrupted" else "at once"
        order = {"operation": rng.randint(1, OPERATIONS[kind]), "when": when}
    child = driver.start(10**6, **order)
    if kind in ("moment", "interrupted"):
        stop(driver, child, signal.SIGKILL if kind == "moment" else signal.SIGTERM, rng)
    status = driver.end()
    ends = [-signal.SIGKILL] + ([128 + signal.SIGTERM] if kind == "interrupted" else [])
    assert status in ends, driver.read()
    return status == -signal.SIGKILL


def stop(driver, child, number, rng):
    """Sends a run a signal at a random moment of its training."""
    driver.wait_for(", batch_id: 0")
    time.sleep(rng.uniform(0.0, 0.25))
    if number == signal.SIGTERM:
        driver.wait_for_step()
    os.kill(child, number)


def same_state(folder, other, prefix):
    """Checks that the checkpoints in two folders are bit-identical."""
    for part in ("pdparams", "pdopt"):
        one, two = (formats.read(f"{place}/{prefix}.{part}") for place in (folder, other))
        assert one.keys() == two.keys()
        for name, value in one.items():
            np.testing.assert_array_equal(value, two[name], err_msg=f"{folder}: {name}")


@pytest.mark.parametrize(
    ("name", "prefix", "kills"), [("trainer", "rec", 20), ("static_trainer", "rec_static", 8)]
)
def test_killed_again_and_again(driver, tmp_path, name, prefix, kills):
    rng = random.Random(0)
    parts = driver(name, "parts")
    killed = inside = runs = 0
    while killed < kills:
        killed += kill(parts, KINDS[runs % len(KINDS)], rng)
        runs += 1
        # Read the newest checkpoint in a copy: the resumed run itself has to clean up.
        shutil.copytree(parts.output, tmp_path / "copy", dirs_exist_ok=True)
        found = find.newest(str(tmp_path / "copy"), prefix)
        if found:
            names = os.listdir(found[0])
            find.state(found[0], prefix, shapes(found[0], prefix))
            inside += f"{prefix}.progress.npz" in names
        shutil.rmtree(tmp_path / "copy")
    last = found[1]["epoch"] + 1
    parts.start(last + 1)
    assert parts.end() == 0, parts.read()
    assert inside, "no killed run had been resumed inside an epoch"

    reference = driver(name, "reference")
    reference.start(last + 1)
    assert reference.end() == 0, reference.read()
    assert sorted(os.listdir(parts.output)) == sorted(os.listdir(reference.output))
    for epoch in range(last + 1):
        same_state(f"{parts.output}/{epoch}", f"{reference.output}/{epoch}", prefix)


def shapes(folder, prefix):
    found = formats.read(f"{folder}/{prefix}.pdparams")
    names = found.keys() - {"StructuredToParameterName@@"}
    return {name: tuple(found[name].shape) for name in names}
