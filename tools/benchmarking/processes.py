"""Starts what is measured, each in a process of its own, and hears what it ended with."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from typing import Any

from benchmarking import launch
from engine.system.errors import UserError


def launched_in(place: str, command: list[str], threads: int, name: str) -> dict[str, Any]:
    """Runs a command with its output in a folder; returns what was measured from outside.

    Raises:
        UserError: it did not end well.
    """
    environment = {**os.environ, "OMP_NUM_THREADS": str(threads), "MKL_NUM_THREADS": str(threads)}
    process = subprocess.Popen(
        [sys.executable, os.path.abspath(launch.__file__), place, *command],
        env=environment,
        start_new_session=True,  # so that all of it can be ended
        stderr=subprocess.PIPE,
        text=True,
    )
    try:
        _, problem = process.communicate()
    except BaseException:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        raise
    if process.returncode:
        raise UserError(f"{name}: {problem.strip()}")
    with open(os.path.join(place, "launch.json"), encoding="utf-8") as file:
        launched = json.load(file)
    if launched["code"]:
        raise UserError(f"{name}: exit code {launched['code']}: {_last_words(place)}")
    return launched


def _last_words(place: str) -> str:
    for stream in ("stderr", "stdout"):
        with open(os.path.join(place, stream), encoding="utf-8", errors="replace") as file:
            lines = [line.strip() for line in file if line.strip()]
        if lines:
            return lines[-1]
    return "it said nothing"


def last_object(path: str) -> dict[str, Any]:
    """Returns the JSON object in the last line of a file; nothing if it is none."""
    with open(path, encoding="utf-8", errors="replace") as file:
        lines = [line for line in file if line.strip()]
    try:
        found = json.loads(lines[-1])
    except (IndexError, ValueError):
        return {}
    return found if isinstance(found, dict) else {}
