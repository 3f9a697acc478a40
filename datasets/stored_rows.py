"""Rows of a parsed copy read from its file as they are asked for, where a map would be too large.

The pages of a map that rows in random order touch count as memory of the process, and soon they
are all of its pages; so a table of many gigabytes would seem to take them. What is read here is
kept by the system alone, which gives it up when memory is short.
"""

from __future__ import annotations

import os

import numpy as np


class StoredRows:
    """A table in a file, whose rows can be taken.

    Args:
        path: a file in NumPy's format of a table ``[rows, columns]``.

    Attributes:
        shape: rows and columns.
        dtype: of the numbers.

    Raises:
        OSError: the file is not there.
        ValueError: it is another one.
    """

    def __init__(self, path: str):
        self._path = path
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115  (closed with this object)
        np.lib.format.read_magic(self._file)
        self.shape, _, self.dtype = np.lib.format.read_array_header_1_0(self._file)
        self._start = self._file.tell()
        self._bytes = self.shape[1] * self.dtype.itemsize  # a row
        self._last = (np.empty(0, np.int64), np.empty((0, self.shape[1]), self.dtype))

    def __len__(self) -> int:
        return self.shape[0]

    def take(self, rows: slice | np.ndarray, columns: slice) -> np.ndarray:
        """Returns some columns of some rows, ``[len(rows), width]``, as a new array.

        Labels, numbers and ids of a block of rows are taken one after the other: a block is read
        once.

        Raises:
            IndexError: there is no such row.
            OSError: the file cannot be read.
        """
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(len(self)))
        last, block = self._last
        if not np.array_equal(rows, last):
            block = self._read(rows)
            self._last = (rows.copy(), block)
        return block[:, columns].copy()

    def _read(self, rows: np.ndarray) -> np.ndarray:
        if len(rows) and not (rows.min() >= 0 and rows.max() < len(self)):
            raise IndexError(f"rows {rows.min()} to {rows.max()} of {len(self)}")
        if len(rows) and rows[-1] - rows[0] == len(rows) - 1 and (np.diff(rows) == 1).all():
            content = self._bytes_at(int(rows[0]), len(rows))
        else:
            places = (self._start + rows.astype(np.int64) * self._bytes).tolist()
            number, read, size = self._file.fileno(), os.pread, self._bytes
            content = b"".join([read(number, size, place) for place in places])
        if len(content) != len(rows) * self._bytes:
            raise OSError(f"{self._path} is cut off")
        return np.frombuffer(content, self.dtype).reshape(len(rows), self.shape[1])

    def _bytes_at(self, first: int, count: int) -> bytes:
        """Returns rows that follow on each other; the system may hand them over in parts."""
        parts, done, size = [], 0, count * self._bytes
        while done < size:
            place = self._start + first * self._bytes + done
            part = os.pread(self._file.fileno(), size - done, place)
            if not part:
                break
            parts.append(part)
            done += len(part)
        return b"".join(parts)
