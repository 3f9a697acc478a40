"""Steady-state speed of a session: it counts the batches that the loop takes out of it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from itertools import islice
from typing import Any, Callable

WARM_UP = 50  # batches of the first epoch that do not count; a quarter of it if that is less


class Meter:
    """Measures the epochs that a loop takes out of ``session.batches(source, epoch)``.

    What is between an epoch's first batch and the end of its last step counts: reading, steps,
    metrics, log lines; what is between epochs, as saving, does not.

    Args:
        limit: batches of an epoch after the warm-up, where it then ends; None for all.
        wait: makes sure that the device has done what it was asked to.
        phases: where a step's time goes (`phases.Phases`), if that is wanted.

    Attributes:
        rows: rows after the warm-up.
        batches: batches after the warm-up.
        seconds: what those took.
        all_rows: rows with the warm-up.
    """

    def __init__(self, limit: int | None, wait: Callable[[], object], phases: Any = None):
        self._limit = limit
        self._wait = wait
        self._phases = phases
        self.rows = self.batches = self.all_rows = 0
        self.seconds = 0.0

    def around(self, batches: Callable[[Any, int], Iterator]) -> Callable[[Any, int], Iterator]:
        """Returns what takes the place of a session's ``batches``."""

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
