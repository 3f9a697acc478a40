"""Tables of comma-separated numbers, parsed once and then read from ``.npy`` copies."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Callable, Union

import numpy as np

from datasets.readers import parsed_copy
from datasets.readers.stored_rows import StoredRows
from datasets.readers.text_lines import open_text

_TEXT_AT_ONCE = 1 << 20  # characters of lines that are parsed together
_LARGEST_MAP = 1 << 29  # bytes; larger tables are read row by row: 1 to 2 microseconds a row
Rows = Union[slice, np.ndarray]


class WidthError(ValueError):
    """A line has more or fewer numbers than its table has columns."""


class TextTable:
    """One table of the rows of several text files.

    Up to half a gigabyte is read from memory maps, a larger table from its files.

    Args:
        paths: the files, in order.
        load: returns a file's table; all files have the same columns and dtype.
        find: returns ``file:line`` of a file's row; by default of the n-th line that is not blank.
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
        if sum(part.nbytes for part in self._parts) > _LARGEST_MAP:
            self._parts = [parsed_copy.unmapped(part) for part in self._parts]
        self._ends = np.cumsum([len(part) for part in self._parts])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def take(self, rows: Rows, columns: slice) -> np.ndarray:
        """Returns columns of rows, ``[len(rows), width]``; a view where possible."""
        if len(self._parts) == 1:
            return _take(self._parts[0], rows, columns)
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(len(self)))
        part_of_row = np.searchsorted(self._ends, rows, side="right")
        width = len(range(*columns.indices(self._parts[0].shape[1])))
        out = np.empty((len(rows), width), self._parts[0].dtype)
        for number in np.unique(part_of_row):
            part = self._parts[number]
            inside = part_of_row == number
            part_rows = rows[inside] - (self._ends[number] - len(part))
            out[inside] = _take(part, part_rows, columns)
        return out

    def parts(self) -> list[tuple[str, slice]]:
        """Returns each file with its rows in the table."""
        ends = self._ends.tolist()
        return [
            (path, slice(end - len(part), end))
            for path, part, end in zip(self._paths, self._parts, ends)
        ]

    def place(self, row: int) -> str:
        """Returns the ``file:line`` of a row."""
        part = int(np.searchsorted(self._ends, row, side="right"))
        row -= self._ends[part] - len(self._parts[part])
        return self._find(self._paths[part], int(row))


class TextMatrix(TextTable):
    """One float32 table of the rows of text files with ``columns`` numbers a line.

    Args:
        paths: the files, in order; names that end in ``.gz`` are decompressed.
        columns: number of columns.
        cache_dir: folder of the parsed copies; the user's cache folder if None.
        labels: number of leading columns whose cells may be empty; the number is then NaN.

    Raises:
        ValueError: a line is malformed; the message names file and line.
    """

    def __init__(
        self, paths: Sequence[str], columns: int, cache_dir: str | None = None, labels: int = 0
    ):
        super().__init__(paths, lambda path: load(path, columns, cache_dir, labels))


def _line(path: str, row: int) -> str:
    with open_text(path) as file:
        rows = (number for number, line in enumerate(file, 1) if line.strip())
        return f"{path}:{next(islice(rows, row, None))}"


def _take(part: np.ndarray | StoredRows, rows: Rows, columns: slice) -> np.ndarray:
    if isinstance(part, StoredRows):
        return part.take(rows, columns)
    return part[:, columns][rows]


def load(path: str, columns: int, cache_dir: str | None = None, labels: int = 0) -> np.ndarray:
    """Returns a file's numbers ``[rows, columns]``, float32, from its copy if up to date.

    The first ``labels`` columns are NaN where a cell is empty or says so.
    """
    return parsed_copy.load(
        path,
        columns,
        np.float32,
        lambda temporary, source: _parse_into(temporary, source, columns, labels),
        cache_dir,
        f"labels {labels}" if labels else "",
    )


def _parse_into(temporary: str, path: str, columns: int, labels: int) -> None:
    parsed_copy.write(temporary, path, columns, np.float32, _blocks(path, columns, labels))


def _blocks(path: str, columns: int, labels: int) -> Iterator[np.ndarray]:
    """Yields the file's rows in blocks ``[n, columns]``."""
    with open_text(path) as file:
        first = 1
        while True:
            lines = file.readlines(_TEXT_AT_ONCE)
            if not lines:
                return
            yield _parse(path, first, lines, columns, labels)
            first += len(lines)


def _parse(path: str, first: int, lines: list[str], columns: int, labels: int) -> np.ndarray:
    rows = [line for line in lines if line.strip()]
    if not rows:
        return np.empty((0, columns), np.float32)
    block = _numbers(rows, labels)
    if block is None or block.shape[1] != columns:
        raise _first_fault(path, first, lines, columns, labels)
    return block


def _numbers(lines: list[str], labels: int) -> np.ndarray | None:
    """Returns the numbers of non-blank lines, or None if they are not a finite table."""
    block = _parsed(lines)
    if block is None and labels:
        block = _parsed([_without_empty(line, labels) for line in lines])
    if block is None or np.isfinite(block).all():
        return block
    missing = np.isnan(block[:, :labels])
    return block if np.isfinite(block).sum() + missing.sum() == block.size else None


def _parsed(lines: list[str]) -> np.ndarray | None:
    try:
        with np.errstate(over="ignore"):
            return np.loadtxt(lines, np.float32, comments=None, delimiter=",", ndmin=2)
    except ValueError:  # NumPy's message counts rows, not lines
        return None


def _without_empty(line: str, labels: int) -> str:
    """Returns a line with ``nan`` in the empty ones of its first ``labels`` cells."""
    cells = line.split(",", labels)
    return ",".join([cell if cell.strip() else "nan" for cell in cells[:labels]] + cells[labels:])


def _first_fault(path: str, first: int, lines: list[str], columns: int, labels: int) -> ValueError:
    for number, line in enumerate(lines, first):
        cells = line.strip().split(",")
        if not line.strip():
            continue
        if len(cells) != columns:
            return WidthError(f"{path}:{number}: expected {columns} numbers, found {len(cells)}")
        if _numbers([line], labels) is not None:
            continue
        for column, cell in enumerate(map(str.strip, cells), 1):
            label = int(column <= labels)
            if _numbers([cell or "nan"], label) is None:
                problem = f"expected a number, found {cell[:40]!r}"
                return ValueError(f"{path}:{number}: column {column}: {problem}")
    return ValueError(f"{path}:{first}: expected a table of numbers from this line on")
