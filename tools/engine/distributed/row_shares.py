"""Which rows of each step a process takes, so that every row of an epoch is taken once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class RowShares(NamedTuple):
    """Divides the rows of every step among the processes of a run.

    In each step the processes together take ``ranks`` batches of rows, in the epoch's order. The
    last step of an epoch may have fewer rows. Training then divides them evenly. Evaluation keeps
    full batches, so that each batch is computed exactly as one process would compute it.

    Attributes:
        rank: this process's number.
        ranks: the number of processes.
        full_batches: whether the last step is divided into full batches, not evenly.
    """

    rank: int = 0
    ranks: int = 1
    full_batches: bool = False

    def part(self, rows: int, batch_size: int) -> slice:
        """Returns this process's part of a step's rows; it may be empty."""
        if self.full_batches:
            begin, end = (min(rows, batch_size * (self.rank + more)) for more in (0, 1))
            return slice(begin, end)
        return slice(rows * self.rank // self.ranks, rows * (self.rank + 1) // self.ranks)

    def counts(self, rows: int, batch_size: int, step: int) -> tuple[int, int]:
        """Returns the number of rows in a step, for this process and for all processes.

        Args:
            rows: rows of the epoch.
            batch_size: rows a batch.
            step: the step's number in the epoch.
        """
        size = self.ranks * batch_size
        total = min(size, rows - step * size)
        part = self.part(total, batch_size)
        return part.stop - part.start, total

    def positions(self, rows: int, batch_size: int) -> tuple[np.ndarray, bool]:
        """Returns the positions of this process's rows in an epoch of ``rows`` rows.

        Every process must take part in the last step. A process without rows there gets the
        step's first row as a filler, which counts with weight 0.

        Returns:
            The positions, ascending, and whether the last one is a filler.
        """
        size = self.ranks * batch_size
        full = rows - rows % size
        steps = np.arange(full).reshape(-1, self.ranks, batch_size)[:, self.rank].reshape(-1)
        if full == rows:
            return steps, False
        part = self.part(rows - full, batch_size)
        idle = part.start == part.stop
        last = np.arange(full, full + 1) if idle else np.arange(full + part.start, full + part.stop)
        return np.concatenate([steps, last]), idle
