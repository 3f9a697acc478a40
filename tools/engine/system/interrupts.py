"""Ctrl-C and SIGTERM: at once where nothing is lost by it, after the step where a run trains."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

_SAME = 0.5  # seconds; `timeout` and some terminals send one request to end twice

SIGNALS = (signal.SIGINT, signal.SIGTERM)

_received: int | None = None  # the signal that asked this process to end
_received_at = 0.0
_deferred: str | None = None  # what happens before the process ends
_together = False  # whether several processes must end after the same step
_end_signal: int | None = None  # the signal that they then end by


class Interrupted(KeyboardInterrupt):
    """A signal asked the command to end.

    Args:
        number: the signal.
        message: what the command says at its end.
    """

    def __init__(self, number: int, message: str = "interrupted"):
        super().__init__(message)
        self.number = number

    @property
    def exit_code(self) -> int:
        """What shells show of a process that a signal ended: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + self.number


def catch(*numbers: int) -> None:
    """Makes signals end the command in an orderly way; a second one ends it at once.

    A signal that the process was started to ignore stays ignored. Paddle takes SIGTERM when it is
    imported, to print a stack trace: call this after that.
    """
    for number in numbers:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _handle)


def _handle(number: int, frame: object) -> None:
    global _received, _received_at
    if _received is not None:
        if time.monotonic() - _received_at >= _SAME:
            _say("error: interrupted at once")
            os._exit(128 + number)
        return
    _received, _received_at = number, time.monotonic()
    if _deferred is None:
        raise Interrupted(number)
    _say(f"interrupted: {_deferred}; once more ends at once")


def _say(text: str) -> None:
    os.write(2, f"\n{text}\n".encode())  # not through a stream that may be in use this moment


def check() -> None:
    """Raises `Interrupted` if a signal has come.

    Needed outside `deferred` too: Python drops an exception that strikes inside a destructor.
    """
    number = _end_signal if _together else _received
    if number is not None:
        raise Interrupted(number)


def received() -> int | None:
    """Returns the signal that this process has received, if any."""
    return _received


def end_by(number: int) -> None:
    """Makes the next `check` end this process, as those that it works with end."""
    global _end_signal
    _end_signal = number


@contextmanager
def deferred(
    until: str = "finishing the step, then saving", together: bool = False
) -> Iterator[None]:
    """Lets a signal wait for the next `check` instead of striking wherever the program is.

    Args:
        until: what the person who sent it is told.
        together: wait until all processes of the run know of it: see `agree`.
    """
    global _deferred, _together
    _deferred, _together = until, together
    try:
        yield
    finally:
        _deferred, _together = None, False
