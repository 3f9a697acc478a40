"""Measures the steady-state speed of a session by the batches that it yields."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from typing import Any, Callable

WARM_UP = 50  # first batches, which do not count; at most a quarter of the first epoch


class Meter:
    """Measures the epochs of ``session.batches(source, epoch)``.

    An epoch counts from its first batch to the end of its last step: reading, steps, metrics and
    log lines. The time between epochs, such as for saving, does not count.

    Args:
        limit: number of batches after the warm-up at which an epoch ends; None for all.
        wait: waits until the device is idle.
        phases: measures the phases of a step (`phases.Phases`); None for no phases.

    Attributes:
        rows: rows after the warm-up.
        batches: batches after the warm-up.
        seconds: seconds after the warm-up.
        all_rows: rows including the warm-up.
    """

    def __init__(self, limit: int | None, wait: Callable[[], object], phases: Any = None):
        self._limit = limit
        self._wait = wait
        self._phases = phases
        self.rows = self.batches = self.all_rows = 0
        self.seconds = 0.0

    def wrap(self, batches: Callable[[Any, int], Iterator]) -> Callable[[Any, int], Iterator]:
        """Returns a session's ``batches`` with a clock around it."""

        def metered(source: Any, epoch: int) -> Iterator[tuple[Any, int]]:
            warm_up = 0 if self.batches else _warm_up(source)
            if self._phases:
                batches_of = self._phases.reading(batches, source, epoch)
            else:
                batches_of = batches(source, epoch)
            return self._epoch(iter(batches_of), warm_up)

        return metered

    def _epoch(self, batches: Iterator[tuple[Any, int]], warm_up: int) -> Iterator:
        warm_rows = rows = count = 0
        for item in islice(batches, warm_up):
            yield item
            warm_rows += item[1]
        self._wait()
        if self._phases:
            self._phases.start()
        started = time.perf_counter()
        for item in batches if self._limit is None else islice(batches, self._limit):
            yield item
            rows += item[1]
            count += 1
        self._wait()
        self.seconds += time.perf_counter() - started
        if self._phases:
            self._phases.stop()
        self.rows += rows
        self.batches += count
        self.all_rows += rows + warm_rows


def _warm_up(source: Any) -> int:
    try:
        return min(WARM_UP, len(source) // 4)
    except TypeError:  # a stream
        return WARM_UP
