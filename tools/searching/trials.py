"""A trial's process: started, listened to, and ended."""

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

from engine.system import interrupts
from engine.system.errors import UserError
from searching import worker

_WAIT = 0.2  # seconds between two looks whether a signal has come


class TrialError(UserError):
    """A trial came to nothing; the search goes on."""


def run(
    yaml: str, options: list[str], graph: str, log: str, check: bool = False
) -> Iterator[dict[str, Any]]:
    """Trains in a process, and yields what it says; closed early, it ends the process.

    Args:
        yaml: the configuration.
        options: what ``-o`` gives besides.
        graph: ``dygraph`` or ``static``.
        log: file for what the process writes.
        check: train nothing; only look whether that could begin.

    Yields:
        ``{"epoch": ..., "value": ...}``, and last ``{"best": ..., "epoch": ..., "batches": ...}``.

    Raises:
        TrialError: it did not end well.
        Interrupted: a signal asked this process to end.
    """
    heard, said = os.pipe()
    try:
        with open(log, "wb") as file:
            process = subprocess.Popen(
                [sys.executable, os.path.abspath(worker.__file__), str(said)],
                stdin=subprocess.PIPE,
                stdout=file,
                stderr=file,
                bufsize=0,
                pass_fds=[said],
                start_new_session=True,  # Ctrl-C is for this process, which then ends that one
            )
    except BaseException:
        os.close(heard)
        raise
    finally:
        os.close(said)
    try:
        order = {"yaml": yaml, "options": options, "graph": graph, "check": check}
        with suppress(BrokenPipeError):  # it has ended already: its log says why
            process.stdin.write(json.dumps(order).encode() + b"\n")
        message = None
        for message in _messages(heard):
            if "problem" in message:
                raise TrialError(message["problem"])
            yield message
        code = process.wait()
        if code or message is None:
            raise TrialError(f"its process ended with exit code {code}: {_last_words(log)}")
    finally:
        os.close(heard)
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        process.stdin.close()


def _messages(descriptor: int) -> Iterator[dict[str, Any]]:
    """Yields what a process says until it has ended, or stopped saying anything."""
    rest = b""
    while True:
        interrupts.check()
        if not select.select([descriptor], [], [], _WAIT)[0]:
            continue
        found = os.read(descriptor, 65536)
        if not found:
            return
        *lines, rest = (rest + found).split(b"\n")
        yield from map(json.loads, lines)


def _last_words(log: str) -> str:
    with open(log, encoding="utf-8", errors="replace") as file:
        lines = [line.strip() for line in file if line.strip()]
    return lines[-1] if lines else "it said nothing"
