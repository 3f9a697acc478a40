"""Handles Ctrl-C and SIGTERM: a command ends immediately, a training run after the current step."""

from __future__ import annotations

import os
import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

_REPEAT_SECONDS = 0.5  # `timeout` and some terminals send the same signal twice

SIGNALS = (signal.SIGINT, signal.SIGTERM)

_received: int | None = None  # the first signal
_received_at = 0.0
_deferred: str | None = None  # inside `deferred`: what the run does before it ends
_together = False  # whether all processes of the run must end after the same step
_end_signal: int | None = None  # the signal that all processes know of


class Interrupted(KeyboardInterrupt):
    """A signal ends the command.

    Args:
        number: the signal.
        message: the text of the command's last line.
    """

    def __init__(self, number: int, message: str = "interrupted"):
        super().__init__(message)
        self.number = number

    @property
    def exit_code(self) -> int:
        """The exit code that shells use for a signal: 130 for Ctrl-C, 143 for SIGTERM."""
        return 128 + self.number


def catch(*numbers: int) -> None:
    """Installs the handler: a first signal ends the command cleanly, a second one immediately.

    A signal that the process ignores from its start, like SIGINT in a shell's background jobs,
    stays ignored. Call this after ``import paddle``, which installs its own handler of SIGTERM.

    Args:
        numbers: the signals.
    """
    for number in numbers:
        if signal.getsignal(number) is not signal.SIG_IGN:
            signal.signal(number, _handle)


def _handle(number: int, frame: object) -> None:
    global _received, _received_at
    if _received is not None:
        if time.monotonic() - _received_at >= _REPEAT_SECONDS:
            _print("error: ended immediately by a second signal")
            os._exit(128 + number)
        return
    _received, _received_at = number, time.monotonic()
    if _deferred is None:
        raise Interrupted(number)
    _print(f"interrupted: {_deferred}; a second signal ends the command immediately")


def _print(text: str) -> None:
    # Not through sys.stderr: the signal may have interrupted a write to it.
    os.write(2, f"\n{text}\n".encode())


def check() -> None:
    """Raises `Interrupted` if this process, or with ``together`` the run, has received a signal.

    Loops outside `deferred` call it too: Python drops an exception that a signal handler raises
    inside a destructor.
    """
    number = _end_signal if _together else _received
    if number is not None:
        raise Interrupted(number)


def received() -> int | None:
    """Returns the signal that this process has received, if any."""
    return _received


def end_by(number: int) -> None:
    """Makes the next `check` raise: another process of the run has received a signal."""
    global _end_signal
    _end_signal = number


@contextmanager
def deferred(
    until: str = "finishing the step, then saving", together: bool = False
) -> Iterator[None]:
    """Delays the effect of a signal until the next `check`.

    Args:
        until: what the run does before it ends; printed when the signal arrives.
        together: whether `check` waits for `end_by`, so that all processes end after one step.
    """
    global _deferred, _together
    _deferred, _together = until, together
    try:
        yield
    finally:
        _deferred, _together = None, False
