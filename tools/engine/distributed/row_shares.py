"""Which rows of an epoch each process takes, so that every row is taken exactly once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class RowShares(NamedTuple):
    """Divides the rows of every step among the processes of a run.

    In each step the processes together take ``ranks`` batches of rows, in the epoch's order. The
    last step of an epoch may have fewer rows. Training then divides them evenly. Evaluation keeps
    whole batches, so that each batch is computed exactly as one process would compute it.

    Attributes:
        rank: this process's number.
        ranks: the number of processes.
        whole: keep whole batches in the last step.
    """

    rank: int = 0
    ranks: int = 1
    whole: bool = False

    def part(self, rows: int, batch_size: int) -> slice:
        """Returns this process's part of a step's rows; it may be empty."""
        if self.whole:
            begin, end = (min(rows, batch_size * (self.rank + more)) for more in (0, 1))
            return slice(begin, end)
        return slice(rows * self.rank // self.ranks, rows * (self.rank + 1) // self.ranks)

    def counts(self, rows: int, batch_size: int, step: int) -> tuple[int, int]:
        """Returns the rows of a step for this process and for all processes.

        Args:
            rows: rows of the epoch.
            batch_size: rows a batch.
            step: the step's number in the epoch.
        """
        size = self.ranks * batch_size
        total = min(size, rows - step * size)
        own = self.part(total, batch_size)
        return own.stop - own.start, total

    def positions(self, rows: int, batch_size: int) -> tuple[np.ndarray, bool]:
        """Returns the positions of this process's rows in an epoch of ``rows`` rows.

        A process without rows in the last step gets the step's first row: it has to take part in
        the step, and its row counts with weight 0.

        Returns:
            The positions, ascending, and whether the last one is such a row.
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
