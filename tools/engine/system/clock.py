"""Measures how long each phase of a training step takes."""

from __future__ import annotations

import time

PHASES = ("read", "forward", "backward", "optimizer", "metrics")


class Clock:
    """Sums the seconds of each phase over all steps.

    In static graph one call runs forward, backward and optimizer; it counts as ``forward``.

    Attributes:
        seconds: the sums by phase.
    """

    def __init__(self):
        self.seconds = dict.fromkeys(PHASES, 0.0)
        self._last = time.perf_counter()

    def lap(self, phase: str) -> None:
        """Adds the time since the last call to a phase."""
        now = time.perf_counter()
        self.seconds[phase] += now - self._last
        self._last = now

    def skip(self) -> None:
        """Drops the time since the last call, for example that of saving or of an evaluation."""
        self._last = time.perf_counter()

    def total(self) -> float:
        """Returns the sum over all phases, in seconds."""
        return sum(self.seconds.values())

    def restart(self) -> None:
        """Sets all sums to 0."""
        self.__init__()
