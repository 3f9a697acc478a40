"""Shows the progress of downloading and preparing: a bar in a terminal, else a line at times."""

from __future__ import annotations

import contextlib
import sys
import time
from collections.abc import Iterator
from typing import Callable

_PATIENCE, _INTERVAL = 2.0, 5.0  # seconds before the first line, and between two lines


@contextlib.contextmanager
def shown(
    label: str, total: int | None = None, unit: str = "rows", done: int = 0
) -> Iterator[Callable[[int], object]]:
    """Shows how much is done on standard error; yields a function that takes what is new.

    Args:
        label: names the work.
        total: the whole; None if unknown.
        unit: the unit; ``B`` is shown in MB.
        done: the part that an earlier run has done.
    """
    if not sys.stderr.isatty():
        yield _Lines(label, total, unit, done).advance
        return
    from tqdm import tqdm  # only a terminal needs it

    scaled = {"unit": "B", "unit_scale": True} if unit == "B" else {"unit": f" {unit}"}
    with tqdm(desc=label, total=total, initial=done, delay=_PATIENCE, **scaled) as bar:
        yield bar.update


class _Lines:
    """Prints a line every few seconds."""

    def __init__(self, label: str, total: int | None, unit: str, done: int):
        self._label, self._total, self._unit, self._done = label, total, unit, done
        self._first, self._began = done, time.monotonic()
        self._next = self._began + _PATIENCE

    def advance(self, count: int) -> None:
        self._done += count
        now = time.monotonic()
        if now < self._next:
            return
        self._next = now + _INTERVAL
        text = self._amount(self._done)
        if self._total:
            left = (now - self._began) / max(self._done - self._first, 1)
            left *= self._total - self._done
            share = 100 * self._done / self._total
            text = f"{text} of {self._amount(self._total)}, {share:.0f} %, {left:.0f} s left"
        print(f"{self._label}: {text}", file=sys.stderr, flush=True)

    def _amount(self, number: int) -> str:
        return f"{number / 1e6:.1f} MB" if self._unit == "B" else f"{number:,} {self._unit}"
