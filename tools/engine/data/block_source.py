"""Batches from a reader that returns blocks of rows: the fast path."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from engine.data.batch import Columns
from engine.data.prefetch import prefetched
from engine.data.reader_errors import no_rows, reader_errors
from engine.data.row_order import epoch_order, read_group_names, read_groups, read_statistics
from engine.distributed.row_shares import RowShares
from engine.system import progress

_BLOCK_ROWS = 4096  # rows read at once, to share Python's overhead among many batches


class BlockSource:
    """Batches from a dataset with ``len()`` and ``take(rows) -> columns``.

    Args:
        dataset: the reader's RecDataset.
        reader: the reader's name, for errors.
        batch_size: rows a batch; the last batch of an epoch may be smaller.
        seed: seed of each epoch's row order; None keeps the order of the files.
        shares: which rows of each step this process takes.
        drop_last: whether an epoch's last step is left out if it is smaller and not the only one.
    """

    def __init__(
        self,
        dataset: Any,
        reader: str,
        batch_size: int,
        seed: int | None,
        shares: RowShares | None = None,
        drop_last: bool = False,
    ):
        self.batch_size = batch_size
        self.shares = shares or RowShares()
        self._first_rows: dict[int, int] = {}  # by epoch: the row where this run starts
        self._reader = reader
        self._dataset = dataset
        self._seed = seed
        self._rows = len(dataset)
        self._drop_last = drop_last

    def __len__(self) -> int:
        """Returns the number of steps in an epoch; in each step every process has a batch."""
        return -(-self._rows_from(0) // (self.batch_size * self.shares.ranks))

    @property
    def rows(self) -> int:
        """The number of rows of all processes."""
        return self._rows

    def skip_rows(self, epoch: int, rows: int) -> None:
        """Skips an epoch's first rows, which an earlier run trained on."""
        self._first_rows = {epoch: rows}

    def row_counts(self, epoch: int, step: int) -> tuple[int, int]:
        """Returns the number of rows in a step, for this process and for all processes."""
        rows = self._rows_from(self._first_rows.get(epoch, 0))
        return self.shares.counts(rows, self.batch_size, step)

    def blocks(self, epoch: int | None = None) -> Iterator[Columns]:
        """Yields this process's rows in blocks of several batches.

        Args:
            epoch: the epoch; None for the rows of all processes, in file order.
        """
        if not self._rows:
            raise no_rows(self._reader)
        step = max(1, _BLOCK_ROWS // self.batch_size) * self.batch_size
        order = self._row_numbers(epoch)
        total = self._rows if order is None else len(order)
        title = f"reading all rows of {self._reader}"
        try:
            for start in range(0, total, step):
                rows = slice(start, min(start + step, total))
                with reader_errors(self._reader):
                    block = self._dataset.take(rows if order is None else order[rows])
                yield block
                if epoch is None:  # of epochs, the log shows the batches
                    progress.report(title, rows.stop, total)
        finally:
            progress.report(title, None)

    def batches(self, epoch: int) -> Iterator[Columns]:
        """Yields an epoch's batches."""
        for block in prefetched(self.blocks(epoch)):
            for start in range(0, len(block[0]), self.batch_size):
                yield [column[start : start + self.batch_size] for column in block]

    def place(
        self, epoch: int, batch: int, rows: np.ndarray | None = None, limit: int = 3
    ) -> str | None:
        """Returns the files and lines of a batch's rows; None if the reader does not know them.

        Args:
            epoch: the epoch.
            batch: the batch's number in the epoch.
            rows: positions of rows in the batch; None for all rows.
            limit: the largest number of places to name, unless the rows are consecutive.
        """
        find = getattr(self._dataset, "place", None)
        if find is None:
            return None
        order = self._row_numbers(epoch)
        first, total = batch * self.batch_size, self._rows if order is None else len(order)
        numbers = np.arange(first, min(first + self.batch_size, total))
        if rows is not None:
            numbers = numbers[rows]
        if order is None and len(numbers) > 1 and numbers[-1] - numbers[0] == len(numbers) - 1:
            return f"{find(int(numbers[0]))} to {find(int(numbers[-1]))}"
        numbers = numbers if order is None else order[numbers]
        places = ", ".join(find(int(number)) for number in numbers[:limit])
        return f"{places} and {len(numbers) - limit} more" if len(numbers) > limit else places

    def groups(self, column: str) -> np.ndarray:
        """Returns every row's group, in file order; see `read_groups`."""
        return read_groups(self._dataset, self._reader, column, self._rows)

    def group_names(self, column: str) -> list[str]:
        """Returns the groups' texts by number; see `read_group_names`."""
        return read_group_names(self._dataset, self._reader, column)

    def column_statistics(self) -> dict[str, Any] | None:
        """Returns the statistics of the columns; see `read_statistics`."""
        return read_statistics(self._dataset, self._reader)

    def _row_numbers(self, epoch: int | None) -> np.ndarray | None:
        """Returns this process's row numbers in an epoch; None for all rows in file order."""
        order = epoch_order(self._rows, self._seed, epoch)
        first = self._first_rows.get(epoch, 0)
        rows = self._rows_from(first)
        if epoch is None or (self.shares.ranks == 1 and rows == self._rows):
            return order
        positions = first + self.shares.positions(rows, self.batch_size)[0]
        return positions if order is None else order[positions]

    def _rows_from(self, first: int) -> int:
        """Returns the number of rows that an epoch trains on, from its row ``first`` on."""
        rows, size = self._rows - first, self.batch_size * self.shares.ranks
        return rows - rows % size if self._drop_last and rows > size else rows
