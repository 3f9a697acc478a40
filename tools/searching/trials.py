"""Trains one trial in a process and reads its messages."""

from __future__ import annotations

import json
import os
import select
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

from engine.system import interrupts, progress
from engine.system.errors import UserError
from searching import worker

_WAIT = 0.2  # seconds between two checks for a signal


class TrialError(UserError):
    """A trial failed; the search continues."""


def run(
    yaml: str, options: list[str], graph: str, log: str, check: bool = False
) -> Iterator[dict[str, Any]]:
    """Trains in a process and yields its messages. Closing the iterator kills the process.

    Args:
        yaml: path of the configuration.
        options: the values of ``-o``.
        graph: ``dygraph`` or ``static``.
        log: file for the output of the process.
        check: train nothing; only check that training could start.

    Yields:
        ``{"epoch": ..., "value": ...}`` after an epoch, and at the end
        ``{"best": ..., "epoch": ..., "batches": ...}``.

    Raises:
        TrialError: the trial failed.
        Interrupted: a signal asked this process to end.
    """
    read_end, write_end = os.pipe()
    try:
        with open(log, "wb") as file:
            process = subprocess.Popen(
                [sys.executable, os.path.abspath(worker.__file__), str(write_end)],
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=file,
                bufsize=0,
                pass_fds=[write_end],
                start_new_session=True,  # Ctrl-C reaches this process only, which then kills it
            )
    except BaseException:
        os.close(read_end)
        raise
    finally:
        os.close(write_end)
    try:
        order = {"yaml": yaml, "options": options, "graph": graph, "check": check}
        with suppress(BrokenPipeError):  # the process has ended; its log shows why
            process.stdin.write(json.dumps(order).encode() + b"\n")
        message = None
        for message in _messages(read_end):
            if "problem" in message:
                raise TrialError(message["problem"])
            yield message
        code = process.wait()
        if code or message is None:
            raise TrialError(f"the process ended with exit code {code}: {_last_line(log)}")
    finally:
        os.close(read_end)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdin.close()


def _messages(descriptor: int) -> Iterator[dict[str, Any]]:
    """Yields the messages of a process until it closes the pipe."""
    rest = b""
    while True:
        interrupts.check()
        if not select.select([descriptor], [], [], _WAIT)[0]:
            progress.repeat()
            continue
        received = os.read(descriptor, 65536)
        if not received:
            return
        *lines, rest = (rest + received).split(b"\n")
        yield from map(json.loads, lines)


def _last_line(log: str) -> str:
    with open(log, encoding="utf-8", errors="replace") as file:
        lines = [line.strip() for line in file if line.strip()]
    return lines[-1] if lines else "no output"
