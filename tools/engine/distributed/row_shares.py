"""Which rows of an epoch each of a run's processes takes, so that every row is taken once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Deal(NamedTuple):
    """How the rows of a step are dealt out.

    In a step the processes together take as many rows as ``ranks`` batches hold, in the epoch's
    order. The last step of an epoch may have fewer: they are parted evenly where a step trains;
    where it evaluates, batches stay whole, so that each is computed as one process computes it.

    Attributes:
        rank: this process's number.
        ranks: how many processes there are.
        whole: whether batches stay whole.
    """

    rank: int = 0
    ranks: int = 1
    whole: bool = False

    def part(self, rows: int, batch_size: int) -> slice:
        """Returns which of a step's rows are this process's; it may be none."""
        if self.whole:
            begin, end = (min(rows, batch_size * (self.rank + more)) for more in (0, 1))
            return slice(begin, end)
        return slice(rows * self.rank // self.ranks, rows * (self.rank + 1) // self.ranks)

    def share(self, rows: int, batch_size: int, step: int) -> tuple[int, int]:
        """Returns a step's rows that are this process's, and those of all; of an epoch's rows."""
        size = self.ranks * batch_size
        total = min(size, rows - step * size)
        own = self.part(total, batch_size)
        return own.stop - own.start, total

    def places(self, rows: int, batch_size: int) -> tuple[np.ndarray, bool]:
        """Returns where this process's rows stand in an epoch of so many rows.

        A process that has no rows in the last step gets its first row: it has to take part in
        the step, with weight 0.

        Returns:
            The places, ascending, and whether the last one is such a row.
        """
        size = self.ranks * batch_size
        full = rows - rows % size
        steps = np.arange(full).reshape(-1, self.ranks, batch_size)[:, self.rank].reshape(-1)
        if full == rows:
            return steps, False
        own = self.part(rows - full, batch_size)
        idle = own.start == own.stop
        last = np.arange(full, full + 1) if idle else np.arange(full + own.start, full + own.stop)
        return np.concatenate([steps, last]), idle
