"""Starts commands as several processes, and compares their logs."""

import contextlib
import os
import re
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from engine.model_folder import loading

TOOLS = Path(loading.REPOSITORY) / "tools"
DRIVER = Path(__file__).with_name("rank_driver.py")
DEADLINE = 100  # seconds; a run that hangs is killed then, and fails


class Run:
    """A launched command."""

    def __init__(self, notes, ranks, name, arguments, slow=0.0):
        self.notes = notes
        notes.mkdir(parents=True)
        launch = [sys.executable, "-m", "paddle.distributed.launch", "--nproc_per_node", str(ranks)]
        command = [str(DRIVER), str(TOOLS / f"{name}.py"), *map(str, arguments)]
        environment = {**os.environ, "FLEET_NOTES": str(notes), "FLEET_SLOW": str(slow)}
        self.process = subprocess.Popen(
            [*launch, "--log_dir", str(notes / "log"), *command],
            cwd=notes,
            env=environment,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )

    def pid(self, rank):
        return int((self.notes / f"pid.{rank}").read_text())

    def log(self, rank):
        path = self.notes / "log" / f"workerlog.{rank}"
        return path.read_text() if path.exists() else ""

    def wait_for(self, text, rank=0):
        """Waits until a rank has logged a text."""
        end = time.monotonic() + DEADLINE
        while text not in self.log(rank):
            assert self.process.poll() is None, self.log(rank)
            assert time.monotonic() < end, self.log(rank)
            time.sleep(0.02)

    def end(self):
        """Waits for the run's end; returns its exit code."""
        return self.process.wait(DEADLINE)

    def kill(self):
        """Kills all processes of the run."""
        self.process.kill()
        self.process.wait()
        for path in self.notes.glob("pid.*"):
            with contextlib.suppress(ProcessLookupError, ValueError):
                os.kill(int(path.read_text()), signal.SIGKILL)


def parse_log(log):
    """Returns the log's lines about epochs as names and numbers, without times."""
    lines = [line.split(" - ")[-1] for line in log.splitlines() if " - epoch: " in line]
    lines = [line.split(", avg_reader_cost")[0].split(", epoch time")[0] for line in lines]
    return [re.findall(r"(\w+): ?([-\w.]+)", line) for line in lines]


def assert_same_lines(one, two, tolerance):
    """Checks that two logs have the same batches, losses and metrics."""
    assert len(parse_log(one)) == len(parse_log(two)) > 0, (one, two)
    for first, second in zip(parse_log(one), parse_log(two)):
        assert [name for name, _ in first] == [name for name, _ in second]
        for (name, left), (_, right) in zip(first, second):
            assert float(left) == pytest.approx(float(right), abs=tolerance), (name, first, second)
