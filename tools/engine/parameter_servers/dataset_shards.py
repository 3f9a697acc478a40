"""Divides a reader's dataset among the trainers, so that each row belongs to one trainer."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
from paddle.io import Dataset, IterableDataset

from engine.data.row_order import has_blocks


def shard(dataset: Any, index: int, count: int) -> Any:
    """Returns every ``count``-th row of a dataset, from row ``index`` on, as a dataset of its kind.

    Every trainer reads a stream to its end and keeps its own rows. If the reader yields batches,
    they are divided instead of rows.

    Args:
        dataset: the reader's dataset.
        index: the trainer's number.
        count: the number of trainers.
    """
    if has_blocks(dataset):
        return _BlockShard(dataset, index, count)
    kind = _StreamShard if isinstance(dataset, IterableDataset) else _RowShard
    return kind(dataset, index, count)


class _BlockShard:
    def __init__(self, dataset: Any, index: int, count: int):
        self._dataset, self._index, self._count = dataset, index, count
        self._rows = len(range(index, len(dataset), count))
        if hasattr(dataset, "place"):
            self.place = lambda row: dataset.place(index + row * count)
        if hasattr(dataset, "column_statistics"):  # of the rows of all trainers
            self.column_statistics = dataset.column_statistics

    def __len__(self) -> int:
        return self._rows

    def take(self, rows: slice | np.ndarray) -> list:
        """Returns the columns of some of the shard's rows."""
        if isinstance(rows, slice):
            first, end, step = rows.indices(self._rows)
            first, end = (self._index + row * self._count for row in (first, end))
            return self._dataset.take(slice(first, end, step * self._count))
        return self._dataset.take(self._index + np.asarray(rows) * self._count)


class _RowShard(Dataset):
    def __init__(self, dataset: Any, index: int, count: int):
        super().__init__()
        self._dataset, self._numbers = dataset, range(index, len(dataset), count)

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, row: int) -> Any:
        return self._dataset[self._numbers[row]]


class _StreamShard(IterableDataset):
    def __init__(self, dataset: Any, index: int, count: int):
        super().__init__()
        self._dataset, self._index, self._count = dataset, index, count

    def __iter__(self) -> Iterator[Any]:
        return islice(iter(self._dataset), self._index, None, self._count)
