"""Batches from any ``paddle.io`` dataset, collected row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np
from paddle.io import IterableDataset

from engine.data.batch import Columns, as_arrays, batch_rows, collate
from engine.data.reader_errors import no_rows, reader_errors
from engine.data.row_order import (
    epoch_order,
    has_length,
    read_group_names,
    read_groups,
    read_statistics,
)
from engine.distributed.row_shares import RowShares


class RowSource:
    """Batches from any ``paddle.io`` dataset, collected row by row in the main thread.

    Paddle's DataLoader reads in another thread. If a reader raises there, training waits forever
    (seen on 3.3.1). Rows are joined to a batch by the DataLoader's rules.

    Args:
        dataset: the reader's RecDataset.
        reader: the reader's name, for errors.
        batch_size: rows a batch; None if the dataset yields batches.
        seed: seed of each epoch's row order; None keeps the dataset's order.
        drop_last: whether an epoch's last batch is left out if it is smaller and not the only one.
        shares: which rows of each step this process takes; which batches, if the dataset yields
            batches.
    """

    def __init__(
        self,
        dataset: Any,
        reader: str,
        batch_size: int | None,
        seed: int | None,
        drop_last: bool = False,
        shares: RowShares | None = None,
    ):
        self.batch_size = batch_size
        self.shares = shares or RowShares()
        self._first_rows: dict[int, int] = {}  # by epoch: the row where this run starts
        self._row_counts = (0, 0)
        self._reader = reader
        self._dataset = dataset
        self._seed = seed
        self._drop_last = drop_last

    def __len__(self) -> int:
        """Returns the number of steps in an epoch; in each step every process has a batch.

        Raises:
            TypeError: the dataset is a stream.
        """
        rows, size = len(self._dataset), (self.batch_size or 1) * self.shares.ranks
        return max(rows // size, 1) if self._drop_last else -(-rows // size)

    @property
    def rows(self) -> int | None:
        """The number of rows of all processes; None for a stream."""
        return len(self._dataset) if has_length(self._dataset) else None

    def skip_rows(self, epoch: int, rows: int) -> None:
        """Skips an epoch's first rows, which an earlier run trained on."""
        self._first_rows = {epoch: rows}

    def row_counts(self, epoch: int, step: int) -> tuple[int, int]:
        """Returns the number of rows in the last step read, for this process and for all."""
        return self._row_counts

    def blocks(self, epoch: int | None = None) -> Iterator[Columns]:
        """Yields an epoch's batches; all rows in the reader's order if ``epoch`` is None."""
        shares = RowShares() if epoch is None else self.shares
        with reader_errors(self._reader):
            ordered, get = self._ordered(epoch)
            skipped = sum(1 for _ in islice(ordered, self._first_rows.get(epoch, 0)))
        size, any_rows = (self.batch_size or 1) * shares.ranks, skipped > 0
        while True:
            with reader_errors(self._reader):
                items = list(islice(ordered, size))
                if not items or (any_rows and self._drop_last and len(items) < size):
                    break
                batch = self._own_batch(items, get, shares)
            any_rows = True
            yield batch
        if not any_rows:
            raise no_rows(self._reader)

    batches = blocks

    def groups(self, column: str) -> np.ndarray:
        """Returns every row's group, in the reader's order; see `read_groups`."""
        rows = self.rows if self.batch_size else None  # of batches, the rows are unknown
        return read_groups(self._dataset, self._reader, column, rows)

    def group_names(self, column: str) -> list[str]:
        """Returns the groups' texts by number; see `read_group_names`."""
        return read_group_names(self._dataset, self._reader, column)

    def column_statistics(self) -> dict[str, Any] | None:
        """Returns the statistics of the columns; see `read_statistics`."""
        return read_statistics(self._dataset, self._reader)

    def _own_batch(self, items: list, get: Callable[[Any], Any], shares: RowShares) -> Any:
        """Returns this process's batch of a step; one row of weight 0 if it has none."""
        if not self.batch_size:  # every process reads all batches to count the rows
            batches = [as_arrays(get(item)) for item in items]
            rows = [batch_rows(batch) for batch in batches]
            idle = shares.rank >= len(batches)
            self._row_counts = (0 if idle else rows[shares.rank], sum(rows))
            return batches[0 if idle else shares.rank]
        part = items[shares.part(len(items), self.batch_size)]
        self._row_counts = (len(part), len(items))
        return collate([get(item) for item in part or items[:1]])

    def _ordered(self, epoch: int | None) -> tuple[Iterator[Any], Callable[[Any], Any]]:
        """Returns an epoch's rows or row numbers in order, and a function that returns a row."""
        if isinstance(self._dataset, IterableDataset):
            return iter(self._dataset), lambda row: row  # a stream has one order only
        rows = len(self._dataset)
        order = epoch_order(rows, self._seed, epoch)
        return iter(range(rows) if order is None else order), lambda row: self._dataset[int(row)]
