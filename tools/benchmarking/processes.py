"""Runs measured commands, each in its own process."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import Any

from benchmarking import launch
from engine.system import progress
from engine.system.errors import UserError

_WAIT = 1.0  # seconds between two updates of the progress


def run_in(folder: str, command: list[str], threads: int, name: str) -> dict[str, Any]:
    """Runs a command and returns its time and memory.

    Args:
        folder: the folder for its output.
        command: program and arguments.
        threads: threads of the arithmetic libraries.
        name: name of the command in errors.

    Returns:
        ``seconds``, ``cpu_seconds``, ``peak_memory_mb`` (2^20 bytes) and ``code``.

    Raises:
        UserError: the command could not start, or its exit code is not 0.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    process = subprocess.Popen(
        [sys.executable, os.path.abspath(launch.__file__), folder, *command],
        env=environment,
        start_new_session=True,  # a process group, to end the command with its children
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        while True:
            try:
                _, problem = process.communicate(timeout=_WAIT)
                break
            except subprocess.TimeoutExpired:
                progress.repeat()
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    if process.returncode:
        raise UserError(f"{name}: {problem.strip()}")
    with open(os.path.join(folder, "launch.json"), encoding="utf-8") as file:
        launched = json.load(file)
    if launched["code"]:
        raise UserError(f"{name}: exit code {launched['code']}: {_last_line(folder)}")
    return launched


def _last_line(folder: str) -> str:
    for stream in ("stderr", "stdout"):
        with open(os.path.join(folder, stream), encoding="utf-8", errors="replace") as file:
            lines = [line.strip() for line in file if line.strip()]
        if lines:
            return lines[-1]
    return "no output"


def last_json_object(path: str) -> dict[str, Any]:
    """Returns the JSON object in the last line of a file; an empty one if there is none."""
    with open(path, encoding="utf-8", errors="replace") as file:
        lines = [line for line in file if line.strip()]
    try:
        content = json.loads(lines[-1])
    except (IndexError, ValueError):
        return {}
    return content if isinstance(content, dict) else {}
