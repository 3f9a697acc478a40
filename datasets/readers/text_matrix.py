"""Comma-separated numbers: parsed once, kept as ``.npy``, then served from a memory map."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Callable, Union

import numpy as np

from datasets.readers import parsed_copy
from datasets.readers.parsed_copy import open_text
from datasets.readers.stored_rows import StoredRows

_LINES_AT_ONCE = 4096
_MOST_MAPPED = 1 << 29  # bytes; larger tables are read row by row, by 1 to 2 microseconds each
Rows = Union[slice, np.ndarray]


class WidthError(ValueError):
    """A line has more or fewer numbers than its table has columns."""


class TextTable:
    """Text files as one table of all their rows, a row for each line that is not blank.

    Up to half a gigabyte is served from a memory map, a larger table from its files.

    Args:
        paths: the files, in order.
        load: returns a file's table; all have the same columns and dtype.
        find: returns where a file's row was read; in its so many-th line that is not blank, if not
            given.
    """

    def __init__(
        self,
        paths: Sequence[str],
        load: Callable[[str], np.ndarray],
        find: Callable[[str, int], str] | None = None,
    ):
        self._paths = list(paths)
        self._find = find or _line
        self._parts: list[np.ndarray | StoredRows] = [load(path) for path in paths]
        if sum(part.nbytes for part in self._parts) > _MOST_MAPPED:
            self._parts = [parsed_copy.unmapped(part) for part in self._parts]
        self._ends = np.cumsum([len(part) for part in self._parts])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def take(self, rows: Rows, columns: slice) -> np.ndarray:
        """Returns some columns of some rows, ``[len(rows), width]``; a view where it can be."""
        if len(self._parts) == 1:
            return _taken(self._parts[0], rows, columns)
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(len(self)))
        part_of_row = np.searchsorted(self._ends, rows, side="right")
        width = len(range(*columns.indices(self._parts[0].shape[1])))
        out = np.empty((len(rows), width), self._parts[0].dtype)
        for number in np.unique(part_of_row):
            part = self._parts[number]
            chosen = part_of_row == number
            own = rows[chosen] - (self._ends[number] - len(part))
            out[chosen] = _taken(part, own, columns)
        return out

    def place(self, row: int) -> str:
        """Returns where a row was read: ``file:line``."""
        part = int(np.searchsorted(self._ends, row, side="right"))
        row -= self._ends[part] - len(self._parts[part])
        return self._find(self._paths[part], int(row))


class TextMatrix(TextTable):
    """Text files of ``columns`` numbers a line, as one float32 table of all their rows.

    Args:
        paths: the files, in order; names that end in ``.gz`` are decompressed.
        columns: numbers a line.
        cache_dir: where a file's parsed copy goes if its own folder cannot be written;
            ``~/.cache/paddlemtl`` if None.

    Raises:
        ValueError: a line is malformed; the message says which file and line.
    """

    def __init__(self, paths: Sequence[str], columns: int, cache_dir: str | None = None):
        super().__init__(paths, lambda path: load(path, columns, cache_dir))


def _line(path: str, row: int) -> str:
    with open_text(path) as file:
        full = (number for number, line in enumerate(file, 1) if line.strip())
        return f"{path}:{next(islice(full, row, None))}"


def _taken(part: np.ndarray | StoredRows, rows: Rows, columns: slice) -> np.ndarray:
    if isinstance(part, StoredRows):
        return part.take(rows, columns)
    return part[:, columns][rows]


def load(path: str, columns: int, cache_dir: str | None = None) -> np.ndarray:
    """Returns a file's numbers, ``[rows, columns]`` float32, from its copy if that is fresh."""
    return parsed_copy.load(
        path,
        columns,
        np.float32,
        lambda cached, source: _parse_into(cached, source, columns),
        cache_dir,
    )


def _parse_into(cached: str, path: str, columns: int) -> np.ndarray:
    return parsed_copy.write(cached, path, columns, np.float32, _blocks(path, columns))


def _blocks(path: str, columns: int) -> Iterator[np.ndarray]:
    """Yields the file's rows in blocks ``[n, columns]``."""
    with open_text(path) as file:
        first = 1
        while True:
            lines = list(islice(file, _LINES_AT_ONCE))
            if not lines:
                return
            yield _parse(path, first, lines, columns)
            first += len(lines)


def _parse(path: str, first: int, lines: list[str], columns: int) -> np.ndarray:
    full = [line for line in lines if line.strip()]
    if not full:
        return np.empty((0, columns), np.float32)
    block = _numbers(full)
    if block is None or block.shape[1] != columns:
        raise _first_fault(path, first, lines, columns)
    return block


def _numbers(lines: list[str]) -> np.ndarray | None:
    """Returns the numbers of lines that hold something, or None if they make no finite table."""
    try:
        with np.errstate(over="ignore"):
            block = np.loadtxt(lines, np.float32, comments=None, delimiter=",", ndmin=2)
    except ValueError:  # numpy's message counts rows, not lines
        return None
    return block if np.isfinite(block).all() else None


def _first_fault(path: str, first: int, lines: list[str], columns: int) -> ValueError:
    for number, line in enumerate(lines, first):
        cells = line.strip().split(",")
        if not line.strip():
            continue
        if len(cells) != columns:
            found = f"expected {columns} numbers, found {len(cells)}"
            return WidthError(f"{path}:{number}: {found}")
        if _numbers([line]) is not None:
            continue
        for column, cell in enumerate(map(str.strip, cells), 1):
            if not cell or _numbers([cell]) is None:
                found = f"expected a number, found {cell[:40]!r}"
                return ValueError(f"{path}:{number}: column {column}: {found}")
    return ValueError(f"{path}: lines from {first} on are no table of numbers")
