"""A reader becomes batches: of its own blocks where it has them, row by row where it has not."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from itertools import islice
from typing import Any, Union

import numpy as np
from paddle.io import IterableDataset

from engine.errors import UserError

Columns = list  # one array a field, all of the same length

_BLOCK_ROWS = 4096  # read at once: large enough to spread Python's cost over many batches


class BlockSource:
    """Batches of a dataset that has ``len()`` and ``take(rows) -> columns``.

    Args:
        dataset: the reader's RecDataset.
        reader: the reader's name, for error messages.
        batch_size: rows a batch; the last one of an epoch may be smaller.
        seed: draws the row order of every epoch; None keeps the order of the files.
    """

    def __init__(self, dataset: Any, reader: str, batch_size: int, seed: int | None):
        self.batch_size = batch_size
        self._reader = reader
        self._dataset = dataset
        self._seed = seed
        self._rows = len(dataset)

    def __len__(self) -> int:
        """Returns the number of batches in an epoch."""
        return -(-self._rows // self.batch_size)

    def blocks(self, epoch: int | None = None) -> Iterator[Columns]:
        """Yields an epoch's rows in blocks of whole batches; in file order if epoch is None."""
        if not self._rows:
            raise _no_rows(self._reader)
        step = max(1, _BLOCK_ROWS // self.batch_size) * self.batch_size
        order = _order(self._rows, self._seed, epoch)
        for start in range(0, self._rows, step):
            rows = slice(start, min(start + step, self._rows))
            with reader_errors(self._reader):
                block = self._dataset.take(rows if order is None else order[rows])
            yield block

    def batches(self, epoch: int) -> Iterator[Columns]:
        """Yields an epoch's batches."""
        for block in self.blocks(epoch):
            for start in range(0, len(block[0]), self.batch_size):
                yield [column[start : start + self.batch_size] for column in block]


class RowSource:
    """Batches of any ``paddle.io`` dataset, collected row by row in the main thread.

    Paddle's DataLoader reads in a thread of its own, and where a reader raises there, training
    waits for ever (seen on 3.3.1).
    """

    def __init__(self, dataset: Any, reader: str, batch_size: int, seed: int | None):
        self.batch_size = batch_size
        self._reader = reader
        self._dataset = dataset
        self._seed = seed

    def __len__(self) -> int:
        """Returns the number of batches in an epoch.

        Raises:
            TypeError: the dataset is a stream.
        """
        return -(-len(self._dataset) // self.batch_size)

    def blocks(self, epoch: int | None = None) -> Iterator[Columns]:
        """Yields an epoch's rows a batch at a time; in the reader's order if epoch is None."""
        with reader_errors(self._reader):
            ordered = self._ordered(epoch)
        found = False
        while True:
            with reader_errors(self._reader):
                rows = list(islice(ordered, self.batch_size))
                columns = _columns(rows)
            if not rows:
                break
            found = True
            yield columns
        if not found:
            raise _no_rows(self._reader)

    batches = blocks

    def _ordered(self, epoch: int | None) -> Iterator[Any]:
        if isinstance(self._dataset, IterableDataset):
            return iter(self._dataset)  # a stream has only its own order
        rows = len(self._dataset)
        order = _order(rows, self._seed, epoch)
        return (self._dataset[int(row)] for row in (range(rows) if order is None else order))


Source = Union[BlockSource, RowSource]


def open_source(dataset: Any, reader: str, batch_size: int, seed: int | None = None) -> Source:
    """Returns the fastest source of batches that a dataset allows."""
    whole_blocks = hasattr(dataset, "take") and _has_length(dataset)
    return (BlockSource if whole_blocks else RowSource)(dataset, reader, batch_size, seed)


@contextmanager
def reader_errors(reader: str) -> Iterator[None]:
    """Turns what a reader raises into a UserError that names the reader."""
    try:
        yield
    except UserError:
        raise
    except Exception as error:
        kind = "" if isinstance(error, ValueError) else f"{type(error).__name__}: "
        raise UserError(f"{reader}: {kind}{error}") from error


def _order(rows: int, seed: int | None, epoch: int | None) -> np.ndarray | None:
    """Returns an epoch's row order, or None for that of the files."""
    if seed is None or epoch is None:
        return None
    return np.random.default_rng([seed, epoch]).permutation(rows)


def _no_rows(reader: str) -> UserError:
    return UserError(f"{reader}: the data hold no rows")


def _has_length(dataset: Any) -> bool:
    # paddle.io's IterableDataset defines __len__ and __getitem__, and raises in both.
    try:
        return len(dataset) >= 0
    except (TypeError, RuntimeError):
        return False


def _columns(rows: list) -> Columns:
    rows = [row if isinstance(row, (list, tuple)) else [row] for row in rows]
    sizes = {len(row) for row in rows}
    if len(sizes) > 1:
        raise ValueError(f"rows of {min(sizes)} and of {max(sizes)} fields in one batch")
    return [np.stack([np.asarray(field) for field in column]) for column in zip(*rows)]
