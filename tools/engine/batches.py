"""A reader becomes batches: of its own blocks where it has them, row by row where it has not."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator, Mapping
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

    def place(
        self, epoch: int, batch: int, chosen: np.ndarray | None = None, limit: int = 3
    ) -> str | None:
        """Returns where a batch's rows were read, if the reader can say.

        Args:
            epoch: the epoch.
            batch: which of its batches.
            chosen: which of the batch's rows; all of them if not given.
            limit: how many places are given of rows that do not follow on each other.
        """
        find = getattr(self._dataset, "place", None)
        if find is None:
            return None
        first = batch * self.batch_size
        rows = np.arange(first, min(first + self.batch_size, self._rows))
        if chosen is not None:
            rows = rows[chosen]
        order = _order(self._rows, self._seed, epoch)
        if order is None and len(rows) > 1 and rows[-1] - rows[0] == len(rows) - 1:
            return f"{find(int(rows[0]))} to {find(int(rows[-1]))}"
        rows = rows if order is None else order[rows]
        places = ", ".join(find(int(row)) for row in rows[:limit])
        return f"{places} and {len(rows) - limit} more" if len(rows) > limit else places

    def batches(self, epoch: int) -> Iterator[Columns]:
        """Yields an epoch's batches."""
        for block in self.blocks(epoch):
            for start in range(0, len(block[0]), self.batch_size):
                yield [column[start : start + self.batch_size] for column in block]


class RowSource:
    """Batches of any ``paddle.io`` dataset, collected row by row in the main thread.

    Paddle's DataLoader reads in a thread of its own, and where a reader raises there, training
    waits for ever (seen on 3.3.1). Rows become a batch as the DataLoader would make them one.

    Args:
        dataset: the reader's RecDataset.
        reader: the reader's name, for error messages.
        batch_size: rows a batch; None if the dataset yields whole batches.
        seed: draws the row order of every epoch; None keeps the dataset's.
        drop_last: leave out an epoch's last batch if it is smaller, unless it is the only one.
    """

    def __init__(
        self,
        dataset: Any,
        reader: str,
        batch_size: int | None,
        seed: int | None,
        drop_last: bool = False,
    ):
        self.batch_size = batch_size
        self._reader = reader
        self._dataset = dataset
        self._seed = seed
        self._drop_last = drop_last

    def __len__(self) -> int:
        """Returns the number of batches in an epoch.

        Raises:
            TypeError: the dataset is a stream.
        """
        rows, size = len(self._dataset), self.batch_size or 1
        return max(rows // size, 1) if self._drop_last else -(-rows // size)

    def blocks(self, epoch: int | None = None) -> Iterator[Columns]:
        """Yields an epoch's rows a batch at a time; in the reader's order if epoch is None."""
        with reader_errors(self._reader):
            ordered = self._ordered(epoch)
        found = False
        while True:
            with reader_errors(self._reader):
                rows = list(islice(ordered, self.batch_size or 1))
                if found and self._drop_last and len(rows) < (self.batch_size or 1):
                    rows = []
                batch = collate(rows) if self.batch_size else [_whole(row) for row in rows]
            if not rows:
                break
            found = True
            yield batch if self.batch_size else batch[0]
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
    kind = BlockSource if has_blocks(dataset) else RowSource
    return kind(dataset, reader, batch_size, seed)


def has_blocks(dataset: Any) -> bool:
    """Whether a dataset hands over blocks of rows."""
    return hasattr(dataset, "take") and _has_length(dataset)


@contextmanager
def reader_errors(reader: str) -> Iterator[None]:
    """Turns what a reader raises into a UserError that names the reader."""
    try:
        yield
    except UserError:
        raise
    except ValueError as error:  # readers say in one what is wrong with a line
        raise UserError(f"{reader}: {error}") from error
    except Exception as error:
        raise UserError(f"{reader}: {type(error).__name__}: {error}{_place(error)}") from error


def _place(error: Exception) -> str:
    """Returns the innermost line of a reader that an error came from, in brackets."""
    engine, installed = os.path.dirname(__file__), os.path.dirname(os.path.dirname(np.__file__))
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith((engine, installed, "<")):
            return f" ({os.path.basename(frame.filename)}, line {frame.lineno})"
    return ""


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


def collate(rows: list) -> Any:
    """Returns rows as one batch, by the rules of Paddle's DataLoader.

    Numbers and arrays are stacked. A list in a row is a list in the batch, so a field that is a
    list of three numbers becomes three arrays.
    """
    if rows and not isinstance(rows[0], (list, tuple, Mapping)):
        rows = [[row] for row in rows]
    return _joined(rows) if rows else []


def _joined(parts: list) -> Any:
    first = parts[0]
    if isinstance(first, Mapping):
        return {name: _joined([part[name] for part in parts]) for name in first}
    if isinstance(first, (list, tuple)):
        sizes = {len(part) for part in parts}
        if len(sizes) > 1:
            raise ValueError(f"rows of {min(sizes)} and of {max(sizes)} fields in one batch")
        return [_joined(list(fields)) for fields in zip(*parts)]
    if isinstance(first, (str, bytes)):
        return list(parts)
    return _numeric(np.stack([np.asarray(part) for part in parts]))


def _whole(batch: Any) -> Any:
    """Returns a batch that a reader made, its fields arrays."""
    if isinstance(batch, Mapping):
        return {name: _numeric(np.asarray(field)) for name, field in batch.items()}
    if isinstance(batch, (list, tuple)):
        return [_numeric(np.asarray(field)) for field in batch]
    return [_numeric(np.asarray(batch))]


def _numeric(array: np.ndarray) -> np.ndarray:
    if array.dtype == object:
        raise ValueError("a field of unlike lengths: pad its lists to one length")
    return array


def batch_rows(batch: Any) -> int:
    """Returns the rows of a batch: the length of its first array."""
    while isinstance(batch, (list, tuple, Mapping)):
        batch = next(iter(batch.values())) if isinstance(batch, Mapping) else batch[0]
    shape = getattr(batch, "shape", ())
    return shape[0] if len(shape) else 1


def arrays_to(convert: Any, batch: Any) -> Any:
    """Returns a batch with ``convert`` applied to each of its arrays."""
    if isinstance(batch, Mapping):
        return {name: arrays_to(convert, field) for name, field in batch.items()}
    if isinstance(batch, (list, tuple)):
        return [arrays_to(convert, field) for field in batch]
    return convert(batch) if isinstance(batch, np.ndarray) else batch
