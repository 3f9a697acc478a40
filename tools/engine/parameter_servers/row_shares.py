"""A trainer's share of the rows: every row belongs to one trainer, whatever the reader is."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import islice
from typing import Any

import numpy as np
from paddle.io import Dataset, IterableDataset

from engine.data.row_order import has_blocks


def share(dataset: Any, index: int, of: int) -> Any:
    """Returns every ``of``-th row of a dataset, from row ``index`` on, as a dataset of its kind.

    A stream is read to its end by every trainer, which keeps its own rows; where a reader yields
    whole batches, those are shared out.
    """
    if has_blocks(dataset):
        return _Blocks(dataset, index, of)
    kind = _Stream if isinstance(dataset, IterableDataset) else _Rows
    return kind(dataset, index, of)


class _Blocks:
    def __init__(self, dataset: Any, index: int, of: int):
        self._dataset, self._index, self._of = dataset, index, of
        self._rows = len(range(index, len(dataset), of))
        if hasattr(dataset, "place"):
            self.place = lambda row: dataset.place(index + row * of)

    def __len__(self) -> int:
        return self._rows

    def take(self, rows: slice | np.ndarray) -> list:
        """Returns the columns of some rows of the share."""
        if isinstance(rows, slice):
            first, end, step = rows.indices(self._rows)
            numbers = slice(
                self._index + first * self._of, self._index + end * self._of, step * self._of
            )
            return self._dataset.take(numbers)
        return self._dataset.take(self._index + np.asarray(rows) * self._of)


class _Rows(Dataset):
    def __init__(self, dataset: Any, index: int, of: int):
        super().__init__()
        self._dataset, self._numbers = dataset, range(index, len(dataset), of)

    def __len__(self) -> int:
        return len(self._numbers)

    def __getitem__(self, row: int) -> Any:
        return self._dataset[self._numbers[row]]


class _Stream(IterableDataset):
    def __init__(self, dataset: Any, index: int, of: int):
        super().__init__()
        self._dataset, self._index, self._of = dataset, index, of

    def __iter__(self) -> Iterator[Any]:
        return islice(iter(self._dataset), self._index, None, self._of)
