"""Comma-separated numbers: parsed once, kept as ``.npy``, then served from a memory map."""

from __future__ import annotations

import gzip
import hashlib
import os
import tempfile
from collections.abc import Iterator, Sequence
from itertools import islice
from typing import IO, Union

import numpy as np

_LINES_AT_ONCE = 4096
Rows = Union[slice, np.ndarray]


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
        cached = os.path.join(folder, prefix + stamp)
        if os.path.exists(cached):
            matrix = np.load(cached, mmap_mode="r")
            if matrix.shape[1] == columns:
                return matrix.view(np.ndarray)
    for folder, prefix in choices:
        if folder == elsewhere:
            os.makedirs(folder, exist_ok=True)
        if os.access(folder, os.W_OK):
            return _parse_into(os.path.join(folder, prefix + stamp), path, columns)
    raise ValueError(f"{path}: neither its folder nor {elsewhere} can take the parsed copy")


def _parse_into(cached: str, path: str, columns: int) -> np.ndarray:
    folder = os.path.dirname(cached)
    stale = os.path.basename(cached).rsplit(".", 2)[0] + "."
    for name in os.listdir(folder):
        if name.startswith(stale) and name.endswith(".npy"):
            os.remove(os.path.join(folder, name))
    with _open(path) as lines:
        rows = sum(1 for line in lines if line.strip())
    if rows == 0:
        raise ValueError(f"{path}: the file holds no rows")
    handle, temporary = tempfile.mkstemp(dir=folder, prefix=".parsing.", suffix=".tmp")
    os.close(handle)
    try:
        matrix = np.lib.format.open_memmap(temporary, "w+", np.float32, (rows, columns))
        done = 0
        for block in _blocks(path, columns):
            matrix[done : done + len(block)] = block
            done += len(block)
        matrix.flush()
        os.replace(temporary, cached)
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)
    return np.load(cached, mmap_mode="r").view(np.ndarray)


def _open(path: str) -> IO[str]:
    opener = gzip.open if path.endswith(".gz") else open
    return opener(path, "rt", encoding="utf-8-sig")


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
    try:
        block = np.loadtxt(full, np.float32, comments=None, delimiter=",", ndmin=2)
        if block.shape[1] == columns and np.isfinite(block).all():
            return block
    except ValueError:
        pass  # numpy's message counts rows, not lines: the search below names the line
    raise ValueError(_first_fault(path, first, lines, columns))


def _first_fault(path: str, first: int, lines: list[str], columns: int) -> str:
    for number, line in enumerate(lines, first):
        cells = line.strip().split(",")
        if line.strip() and len(cells) != columns:
            return f"{path}:{number}: expected {columns} numbers, found {len(cells)}"
        for column, cell in enumerate(cells if line.strip() else [], 1):
            try:
                if np.isfinite(float(cell)):
                    continue
            except ValueError:
                pass  # no number at all: reported like one that is not finite
            return f"{path}:{number}: column {column}: expected a number, found {cell.strip()!r}"
    return f"{path}:{first}: a number there is too large for float32"
