"""Starts commands as several processes, and compares their logs."""

import contextlib
import os
import re
import signal
import socket
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
    """A command in several processes.

    Args:
        notes: the folder of logs, process ids and parameters.
        ranks: the number of processes.
        name: the command's name.
        arguments: its arguments.
        slow: the shortest time of a step in seconds.
        launcher: whether Paddle's launcher starts the processes. It imports Paddle once more.
    """

    def __init__(self, notes, ranks, name, arguments, slow, launcher):
        self.notes = notes
        (notes / "log").mkdir(parents=True)
        command = [str(DRIVER), str(TOOLS / f"{name}.py"), *map(str, arguments)]
        self._environment = {**os.environ, "FLEET_NOTES": str(notes), "FLEET_SLOW": str(slow)}
        if launcher:
            launch = ["-m", "paddle.distributed.launch", "--nproc_per_node", str(ranks)]
            command = [*launch, "--log_dir", str(notes / "log"), *command]
            self.processes = [self._start(command, subprocess.DEVNULL)]
        else:
            self.processes = self._start_ranks(ranks, command)

    def _start(self, command, log, **variables):
        return subprocess.Popen(
            [sys.executable, *command],
            cwd=self.notes,
            env={**self._environment, **variables},
            stdout=log,
            stderr=log,
        )

    def _start_ranks(self, ranks, command):
        """Starts the processes with the variables that the launcher would set."""
        with contextlib.ExitStack() as stack:
            sockets = [stack.enter_context(socket.socket()) for _ in range(ranks)]
            for each in sockets:
                each.bind(("127.0.0.1", 0))
            endpoints = [f"127.0.0.1:{each.getsockname()[1]}" for each in sockets]
        processes = []
        for rank, endpoint in enumerate(endpoints):
            variables = {
                "PADDLE_TRAINERS_NUM": str(ranks),
                "PADDLE_TRAINER_ID": str(rank),
                "PADDLE_LOCAL_RANK": str(rank),
                "PADDLE_TRAINER_ENDPOINTS": ",".join(endpoints),
                "PADDLE_CURRENT_ENDPOINT": endpoint,
            }
            with open(self.notes / "log" / f"workerlog.{rank}", "wb") as log:
                processes.append(self._start(command, log, **variables))
        return processes

    def pid(self, rank):
        return int((self.notes / f"pid.{rank}").read_text())

    def log(self, rank):
        path = self.notes / "log" / f"workerlog.{rank}"
        return path.read_text() if path.exists() else ""

    def wait_for(self, text, rank=0):
        """Waits until a rank has logged a text."""
        end = time.monotonic() + DEADLINE
        while text not in self.log(rank):
            assert self.processes[0].poll() is None, self.log(rank)
            assert time.monotonic() < end, self.log(rank)
            time.sleep(0.02)

    def end(self):
        """Waits for the run's end; returns its exit code."""
        end = time.monotonic() + DEADLINE
        codes = [process.wait(max(0.1, end - time.monotonic())) for process in self.processes]
        return next(filter(None, codes), 0)

    def terminate(self):
        """Asks the run to end."""
        for process in self.processes:
            process.terminate()

    def kill(self):
        """Kills all processes of the run."""
        for process in self.processes:
            process.kill()
            process.wait()
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
            assert float(left) == pytest.approx(float(right), abs=tolerance, nan_ok=True), (
                name,
                first,
                second,
            )
