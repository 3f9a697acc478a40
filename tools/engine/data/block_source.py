"""Batches of a reader that hands over blocks of rows: the fast path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from engine.data.batch import Columns
from engine.data.reader_errors import no_rows, reader_errors
from engine.data.row_order import epoch_order, groups_of
from engine.distributed.row_shares import RowShares
from engine.system.prefetch import prefetched

_BLOCK_ROWS = 4096  # rows read at once, so that Python's cost is spread over many batches


class BlockSource:
    """Batches of a dataset that has ``len()`` and ``take(rows) -> columns``.

    Args:
        dataset: the reader's RecDataset.
        reader: the reader's name, for error messages.
        batch_size: rows a batch; the last batch of an epoch may be smaller.
        seed: seed of the row order of every epoch; None keeps the order of the files.
        shares: which rows of each step this process takes.
    """

    def __init__(
        self,
        dataset: Any,
        reader: str,
        batch_size: int,
        seed: int | None,
        shares: RowShares | None = None,
    ):
        self.batch_size = batch_size
        self.shares = shares or RowShares()
        self._first_rows: dict[int, int] = {}  # by epoch: where this run starts in it
        self._reader = reader
        self._dataset = dataset
        self._seed = seed
        self._rows = len(dataset)

    def __len__(self) -> int:
        """Returns the steps of an epoch; in each of them every process has a batch."""
        return -(-self._rows // (self.batch_size * self.shares.ranks))

    @property
    def rows(self) -> int:
        """The number of rows, of all processes together."""
        return self._rows

    def skip_rows(self, epoch: int, rows: int) -> None:
        """Skips the first rows of an epoch, in its order: an earlier run trained on them."""
        self._first_rows = {epoch: rows}

    def row_counts(self, epoch: int, step: int) -> tuple[int, int]:
        """Returns the rows of a step for this process and for all processes."""
        rows = self._rows - self._first_rows.get(epoch, 0)
        return self.shares.counts(rows, self.batch_size, step)

    def blocks(self, epoch: int | None = None) -> Iterator[Columns]:
        """Yields this process's rows in blocks of whole batches.

        Args:
            epoch: the epoch; None yields the rows of all processes, in file order.
        """
        if not self._rows:
            raise no_rows(self._reader)
        step = max(1, _BLOCK_ROWS // self.batch_size) * self.batch_size
        order = self._own_rows(epoch)
        total = self._rows if order is None else len(order)
        for start in range(0, total, step):
            rows = slice(start, min(start + step, total))
            with reader_errors(self._reader):
                block = self._dataset.take(rows if order is None else order[rows])
            yield block

    def batches(self, epoch: int) -> Iterator[Columns]:
        """Yields an epoch's batches."""
        for block in prefetched(self.blocks(epoch)):
            for start in range(0, len(block[0]), self.batch_size):
                yield [column[start : start + self.batch_size] for column in block]

    def place(
        self, epoch: int, batch: int, chosen: np.ndarray | None = None, limit: int = 3
    ) -> str | None:
        """Returns the files and lines of a batch's rows; None if the reader does not know them.

        Args:
            epoch: the epoch.
            batch: the batch's number in it.
            chosen: numbers of rows in the batch; all rows if not given.
            limit: the most places to name, unless the rows are consecutive.
        """
        find = getattr(self._dataset, "place", None)
        if find is None:
            return None
        order = self._own_rows(epoch)
        first, total = batch * self.batch_size, self._rows if order is None else len(order)
        rows = np.arange(first, min(first + self.batch_size, total))
        if chosen is not None:
            rows = rows[chosen]
        if order is None and len(rows) > 1 and rows[-1] - rows[0] == len(rows) - 1:
            return f"{find(int(rows[0]))} to {find(int(rows[-1]))}"
        rows = rows if order is None else order[rows]
        places = ", ".join(find(int(row)) for row in rows[:limit])
        return f"{places} and {len(rows) - limit} more" if len(rows) > limit else places

    def groups(self, column: str) -> np.ndarray:
        """Returns the group of every row, in file order; see `groups_of`."""
        return groups_of(self._dataset, self._reader, column, self._rows)

    def _own_rows(self, epoch: int | None) -> np.ndarray | None:
        """Returns this process's row numbers in an epoch; None for all rows in file order."""
        order = epoch_order(self._rows, self._seed, epoch)
        first = self._first_rows.get(epoch, 0)
        if epoch is None or (self.shares.ranks == 1 and not first):
            return order
        positions = first + self.shares.positions(self._rows - first, self.batch_size)[0]
        return positions if order is None else order[positions]
