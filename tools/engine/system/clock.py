"""Where a run's time goes."""

from __future__ import annotations

import time

PHASES = ("read", "forward", "backward", "optimizer", "metrics")


class Clock:
    """Adds up the seconds of each phase of a step.

    In static graph one call runs forward, backward and optimizer; it counts as ``forward``.
    """

    def __init__(self):
        self.seconds = dict.fromkeys(PHASES, 0.0)
        self._last = time.perf_counter()

    def lap(self, phase: str) -> None:
        """Gives the time since the last lap to a phase."""
        now = time.perf_counter()
        self.seconds[phase] += now - self._last
        self._last = now

    def skip(self) -> None:
        """Gives the time since the last lap to none: saving, evaluating, starting up."""
        self._last = time.perf_counter()

    def total(self) -> float:
        """Returns the seconds of all phases together."""
        return sum(self.seconds.values())

    def restart(self) -> None:
        """Forgets what was added up so far."""
        self.__init__()
