"""Comma-separated numbers: parsed once, kept as ``.npy``, then served from a memory map."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
import tempfile
import zlib
from collections.abc import Iterator, Sequence
from contextlib import suppress
from itertools import islice
from typing import IO, Union

import numpy as np

_LINES_AT_ONCE = 4096
Rows = Union[slice, np.ndarray]


class WidthError(ValueError):
    """A line has more or fewer numbers than its table has columns."""


class TextMatrix:
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
        self._paths = list(paths)
        self._parts = [load(path, columns, cache_dir) for path in paths]
        self._ends = np.cumsum([len(part) for part in self._parts])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def take(self, rows: Rows, columns: slice) -> np.ndarray:
        """Returns some columns of some rows, ``[len(rows), width]``; a view where it can be."""
        if len(self._parts) == 1:
            return self._parts[0][:, columns][rows]
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(len(self)))
        part_of_row = np.searchsorted(self._ends, rows, side="right")
        out = np.empty((len(rows), len(range(*columns.indices(self._parts[0].shape[1])))), "f4")
        for number in np.unique(part_of_row):
            part = self._parts[number]
            chosen = part_of_row == number
            out[chosen] = part[:, columns][rows[chosen] - (self._ends[number] - len(part))]
        return out

    def place(self, row: int) -> str:
        """Returns where a row was read: ``file:line``."""
        part = int(np.searchsorted(self._ends, row, side="right"))
        row -= self._ends[part] - len(self._parts[part])
        with _open(self._paths[part]) as file:
            full = (number for number, line in enumerate(file, 1) if line.strip())
            return f"{self._paths[part]}:{next(islice(full, int(row), None))}"


def load(path: str, columns: int, cache_dir: str | None = None) -> np.ndarray:
    """Returns a file's numbers, ``[rows, columns]`` float32, from its cache if that is fresh.

    The cache's name carries the source's size and time of change, so a changed source has no
    cache, and a cache is complete the moment its name exists.
    """
    path = os.path.abspath(path)
    status = os.stat(path)
    name = f".{os.path.basename(path)}"
    stamp = f"{status.st_size}-{status.st_mtime_ns}.npy"
    elsewhere = cache_dir or os.path.join(os.path.expanduser("~"), ".cache", "paddlemtl")
    digest = hashlib.sha256(path.encode()).hexdigest()[:16]
    choices = [
        (os.path.dirname(path), f"{name}."),
        (elsewhere, f"{name}.{digest}."),
    ]
    for folder, prefix in choices:
        matrix = _cached(os.path.join(folder, prefix + stamp))
        if matrix is not None and matrix.shape[1] == columns:
            return matrix
    for folder, prefix in choices:
        if folder == elsewhere:
            with suppress(OSError):
                os.makedirs(folder, exist_ok=True)
        if os.access(folder, os.W_OK):
            _remove_stale(folder, prefix)
            return _parse_into(os.path.join(folder, prefix + stamp), path, columns)
    raise ValueError(f"{path}: neither its folder nor {elsewhere} can take the parsed copy")


def _cached(path: str) -> np.ndarray | None:
    """Returns a parsed copy, or None where there is none that can be used."""
    try:
        matrix = np.load(path, mmap_mode="r").view(np.ndarray)
    except (OSError, EOFError, ValueError):  # absent, another user's, or cut off by a power failure
        return None
    return matrix if matrix.ndim == 2 and matrix.dtype == np.float32 else None


def _remove_stale(folder: str, prefix: str) -> None:
    for name in os.listdir(folder):
        if re.fullmatch(re.escape(prefix) + r"\d+-\d+\.npy", name):
            with suppress(FileNotFoundError):  # another process does the same
                os.remove(os.path.join(folder, name))


def _parse_into(cached: str, path: str, columns: int) -> np.ndarray:
    try:
        with _open(path) as lines:
            rows = sum(1 for line in lines if line.strip())
    except (OSError, EOFError, zlib.error) as error:  # also what a damaged .gz raises
        raise ValueError(f"{path}: {error}") from error
    if rows == 0:
        raise ValueError(f"{path}: the file holds no rows")
    handle, temporary = tempfile.mkstemp(
        dir=os.path.dirname(cached), prefix=".parsing.", suffix=".npy"
    )
    try:
        # Written, not mapped: on a full disk a write is an error, a mapped page is a crash.
        with os.fdopen(handle, "wb") as file:
            header = {"descr": "<f4", "fortran_order": False, "shape": (rows, columns)}
            np.lib.format.write_array_header_1_0(file, header)
            done = 0
            for block in _blocks(path, columns):
                file.write(np.ascontiguousarray(block, "<f4"))
                done += len(block)
        if done != rows:
            raise ValueError(f"{path}: the file changed while it was read")
        shutil.copymode(path, temporary)  # who can read the source can use its parsed copy
        os.replace(temporary, cached)
    except OSError as error:
        raise ValueError(f"{path}: cannot write {cached}: {error.strerror or error}") from error
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)
    return np.load(cached, mmap_mode="r").view(np.ndarray)


def _open(path: str) -> IO[str]:
    opener = gzip.open if path.endswith(".gz") else open
    # What is no text becomes a cell that is no number, and an error that names the line.
    return opener(path, "rt", encoding="utf-8-sig", errors="replace")


def _blocks(path: str, columns: int) -> Iterator[np.ndarray]:
    """Yields the file's rows in blocks ``[n, columns]``."""
    with _open(path) as file:
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
