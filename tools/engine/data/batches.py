"""A reader becomes batches: of its own blocks where it has them, row by row where it has not."""

from __future__ import annotations

import os
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from itertools import islice
from typing import Any, Union

import numpy as np
from paddle.io import IterableDataset

from engine.distributed.row_shares import Deal
from engine.system.errors import UserError
from engine.system.prefetch import ahead

Columns = list  # one array a field, all of the same length

_BLOCK_ROWS = 4096  # read at once: large enough to spread Python's cost over many batches


class BlockSource:
    """Batches of a dataset that has ``len()`` and ``take(rows) -> columns``.

    Args:
        dataset: the reader's RecDataset.
        reader: the reader's name, for error messages.
        batch_size: rows a batch; the last one of an epoch may be smaller.
        seed: draws the row order of every epoch; None keeps the order of the files.
        deal: which rows of each step are this process's.
    """

    def __init__(
        self,
        dataset: Any,
        reader: str,
        batch_size: int,
        seed: int | None,
        deal: Deal | None = None,
    ):
        self.batch_size = batch_size
        self.deal = deal or Deal()
        self._begun: dict[int, int] = {}
        self._reader = reader
        self._dataset = dataset
        self._seed = seed
        self._rows = len(dataset)

    def __len__(self) -> int:
        """Returns the number of an epoch's steps, in each of which every process has a batch."""
        return -(-self._rows // (self.batch_size * self.deal.ranks))

    @property
    def rows(self) -> int:
        """How many rows there are, for all processes together."""
        return self._rows

    def begin(self, epoch: int, row: int) -> None:
        """Leaves out the first rows of an epoch, in its order: another run has done them."""
        self._begun = {epoch: row}

    def share(self, epoch: int, step: int) -> tuple[int, int]:
        """Returns how many rows this process has in a step of an epoch, and how many all have."""
        return self.deal.share(self._rows - self._begun.get(epoch, 0), self.batch_size, step)

    def blocks(self, epoch: int | None = None) -> Iterator[Columns]:
        """Yields this process's rows in blocks of whole batches.

        Args:
            epoch: the epoch; if not given, all processes' rows come, in file order.
        """
        if not self._rows:
            raise _no_rows(self._reader)
        step = max(1, _BLOCK_ROWS // self.batch_size) * self.batch_size
        order = self._own(epoch)
        total = self._rows if order is None else len(order)
        for start in range(0, total, step):
            rows = slice(start, min(start + step, total))
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
        order = self._own(epoch)
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

    def _own(self, epoch: int | None) -> np.ndarray | None:
        """Returns the numbers of an epoch's rows that are this process's; None for all in turn."""
        order = _order(self._rows, self._seed, epoch)
        first = self._begun.get(epoch, 0)
        if epoch is None or (self.deal.ranks == 1 and not first):
            return order
        places = first + self.deal.places(self._rows - first, self.batch_size)[0]
        return places if order is None else order[places]

    def batches(self, epoch: int) -> Iterator[Columns]:
        """Yields an epoch's batches."""
        for block in ahead(self.blocks(epoch)):
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
        deal: which rows of each step are this process's; of whole batches, each is one row here.
    """

    def __init__(
        self,
        dataset: Any,
        reader: str,
        batch_size: int | None,
        seed: int | None,
        drop_last: bool = False,
        deal: Deal | None = None,
    ):
        self.batch_size = batch_size
        self.deal = deal or Deal()
        self._begun: dict[int, int] = {}
        self._share = (0, 0)
        self._reader = reader
        self._dataset = dataset
        self._seed = seed
        self._drop_last = drop_last

    def __len__(self) -> int:
        """Returns the number of an epoch's steps, in each of which every process has a batch.

        Raises:
            TypeError: the dataset is a stream.
        """
        rows, size = len(self._dataset), (self.batch_size or 1) * self.deal.ranks
        return max(rows // size, 1) if self._drop_last else -(-rows // size)

    @property
    def rows(self) -> int | None:
        """How many rows there are, for all processes together; None for a stream."""
        return len(self._dataset) if _has_length(self._dataset) else None

    def begin(self, epoch: int, row: int) -> None:
        """Leaves out the first rows of an epoch, in its order: another run has done them."""
        self._begun = {epoch: row}

    def share(self, epoch: int, step: int) -> tuple[int, int]:
        """Returns how many rows this process has in the batch last read, and how many all have."""
        return self._share

    def blocks(self, epoch: int | None = None) -> Iterator[Columns]:
        """Yields an epoch's rows a batch at a time; in the reader's order if epoch is None."""
        deal = Deal() if epoch is None else self.deal
        with reader_errors(self._reader):
            ordered, get = self._ordered(epoch)
            found = sum(1 for _ in islice(ordered, self._begun.get(epoch, 0))) > 0
        size = (self.batch_size or 1) * deal.ranks
        while True:
            with reader_errors(self._reader):
                items = list(islice(ordered, size))
                if not items or (found and self._drop_last and len(items) < size):
                    break
                batch = self._dealt(items, get, deal)
            found = True
            yield batch
        if not found:
            raise _no_rows(self._reader)

    batches = blocks

    def groups(self, column: str) -> np.ndarray:
        """Returns the group of every row, in the reader's order; see `groups_of`."""
        rows = self.rows if self.batch_size else None  # of whole batches their number says nothing
        return groups_of(self._dataset, self._reader, column, rows)

    def _dealt(self, items: list, get: Callable[[Any], Any], deal: Deal) -> Any:
        """Returns this process's batch of a step; of one row, without weight, if it has none."""
        if not self.batch_size:  # every process looks at all batches, to know how many rows
            batches = [_whole(get(item)) for item in items]
            rows = [batch_rows(batch) for batch in batches]
            idle = deal.rank >= len(batches)
            self._share = (0 if idle else rows[deal.rank], sum(rows))
            return batches[0 if idle else deal.rank]
        own = items[deal.part(len(items), self.batch_size)]
        self._share = (len(own), len(items))
        return collate([get(item) for item in own or items[:1]])

    def _ordered(self, epoch: int | None) -> tuple[Iterator[Any], Callable[[Any], Any]]:
        """Returns an epoch's rows or what stands for them, and what makes rows of those."""
        if isinstance(self._dataset, IterableDataset):
            return iter(self._dataset), lambda row: row  # a stream has only its own order
        rows = len(self._dataset)
        order = _order(rows, self._seed, epoch)
        return iter(range(rows) if order is None else order), lambda row: self._dataset[int(row)]


Source = Union[BlockSource, RowSource]


def open_source(
    dataset: Any,
    reader: str,
    batch_size: int,
    seed: int | None = None,
    deal: Deal | None = None,
) -> Source:
    """Returns the fastest source of batches that a dataset allows."""
    kind = BlockSource if has_blocks(dataset) else RowSource
    return kind(dataset, reader, batch_size, seed, deal=deal)


def groups_of(dataset: Any, reader: str, column: str, rows: int | None) -> np.ndarray:
    """Returns the group of every row, by the values of a column, ``[rows]``; negative for none.

    Args:
        dataset: the reader's dataset.
        reader: its name, for error messages.
        column: the column.
        rows: how many rows there are; None if that is not known beforehand.

    Raises:
        UserError: the reader knows no groups, has no such column, or returns something else.
    """
    find = getattr(dataset, "groups", None)
    if find is None:
        raise UserError(f"runner.gauc_column needs {reader}.RecDataset.groups: not defined")
    with reader_errors(reader):
        found = np.asarray(find(column))
    if found.dtype.kind not in "iu" or found.shape != (found.size if rows is None else rows,):
        expected = "an integer a row" if rows is None else f"an integer a row, {rows} in all"
        raise UserError(
            f"{reader}: groups({column!r}): expected {expected}; found {found.dtype}, "
            f"shape {list(found.shape)}"
        )
    return found


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
    engine, installed = (
        os.path.dirname(os.path.dirname(__file__)),
        os.path.dirname(os.path.dirname(np.__file__)),
    )
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
