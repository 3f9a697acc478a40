"""Batches of any ``paddle.io`` dataset, collected row by row."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from itertools import islice
from typing import Any

import numpy as np
from paddle.io import IterableDataset

from engine.data.batch import Columns, as_arrays, batch_rows, collate
from engine.data.reader_errors import no_rows, reader_errors
from engine.data.row_order import epoch_order, groups_of, has_length
from engine.distributed.row_shares import RowShares


class RowSource:
    """Batches of any ``paddle.io`` dataset, collected row by row in the main thread.

    Paddle's DataLoader reads in a thread of its own. If a reader raises there, training waits
    for ever (seen on 3.3.1). Rows become a batch by the DataLoader's rules.

    Args:
        dataset: the reader's RecDataset.
        reader: the reader's name, for error messages.
        batch_size: rows a batch; None if the dataset yields whole batches.
        seed: seed of the row order of every epoch; None keeps the dataset's order.
        drop_last: drop an epoch's last batch if it is smaller, unless it is the only one.
        shares: which rows of each step this process takes. A whole batch counts as one row here.
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
        self._first_rows: dict[int, int] = {}  # by epoch: where this run starts in it
        self._row_counts = (0, 0)
        self._reader = reader
        self._dataset = dataset
        self._seed = seed
        self._drop_last = drop_last

    def __len__(self) -> int:
        """Returns the steps of an epoch; in each of them every process has a batch.

        Raises:
            TypeError: the dataset is a stream.
        """
        rows, size = len(self._dataset), (self.batch_size or 1) * self.shares.ranks
        return max(rows // size, 1) if self._drop_last else -(-rows // size)

    @property
    def rows(self) -> int | None:
        """The number of rows, of all processes together; None for a stream."""
        return len(self._dataset) if has_length(self._dataset) else None

    def skip_rows(self, epoch: int, rows: int) -> None:
        """Skips the first rows of an epoch, in its order: an earlier run trained on them."""
        self._first_rows = {epoch: rows}

    def row_counts(self, epoch: int, step: int) -> tuple[int, int]:
        """Returns the rows of the batch last read for this process and for all processes."""
        return self._row_counts

    def blocks(self, epoch: int | None = None) -> Iterator[Columns]:
        """Yields an epoch's rows a batch at a time; in the reader's order if epoch is None."""
        shares = RowShares() if epoch is None else self.shares
        with reader_errors(self._reader):
            ordered, get = self._ordered(epoch)
            found = sum(1 for _ in islice(ordered, self._first_rows.get(epoch, 0))) > 0
        size = (self.batch_size or 1) * shares.ranks
        while True:
            with reader_errors(self._reader):
                items = list(islice(ordered, size))
                if not items or (found and self._drop_last and len(items) < size):
                    break
                batch = self._own_batch(items, get, shares)
            found = True
            yield batch
        if not found:
            raise no_rows(self._reader)

    batches = blocks

    def groups(self, column: str) -> np.ndarray:
        """Returns the group of every row, in the reader's order; see `groups_of`."""
        rows = self.rows if self.batch_size else None  # whole batches: the rows are not known
        return groups_of(self._dataset, self._reader, column, rows)

    def _own_batch(self, items: list, get: Callable[[Any], Any], shares: RowShares) -> Any:
        """Returns this process's batch of a step; one row, with weight 0, if it has none."""
        if not self.batch_size:  # every process reads all batches, to know the number of rows
            batches = [as_arrays(get(item)) for item in items]
            rows = [batch_rows(batch) for batch in batches]
            idle = shares.rank >= len(batches)
            self._row_counts = (0 if idle else rows[shares.rank], sum(rows))
            return batches[0 if idle else shares.rank]
        own = items[shares.part(len(items), self.batch_size)]
        self._row_counts = (len(own), len(items))
        return collate([get(item) for item in own or items[:1]])

    def _ordered(self, epoch: int | None) -> tuple[Iterator[Any], Callable[[Any], Any]]:
        """Returns an epoch's rows or their numbers, and what makes a row of each."""
        if isinstance(self._dataset, IterableDataset):
            return iter(self._dataset), lambda row: row  # a stream has only its own order
        rows = len(self._dataset)
        order = epoch_order(rows, self._seed, epoch)
        return iter(range(rows) if order is None else order), lambda row: self._dataset[int(row)]
