"""Rows of an array in a file, read as they are asked for: where a memory map does not do.

The pages of a map that rows in random order touch count as memory of the process, and soon they
are all of its pages; so a table of many gigabytes would seem to take them. What is read here is
kept by the system alone, which gives it up when memory is short. And a file that somebody cuts off
under a map ends the process; here it is an error.
"""

from __future__ import annotations

import math
import os

import numpy as np


class StoredRows:
    """An array in a file, whose rows can be taken.

    Args:
        path: a file in NumPy's format of an array ``[rows, ...]``, in C order.

    Attributes:
        shape: of the array.
        dtype: of its numbers.

    Raises:
        OSError: the file is not there.
        ValueError: it is another one, or cut off.
    """

    def __init__(self, path: str):
        self._path = path
        self._file = open(path, "rb", buffering=0)  # noqa: SIM115  (closed with this object)
        version = np.lib.format.read_magic(self._file)
        read = {(1, 0): np.lib.format.read_array_header_1_0}
        header = read.get(version, np.lib.format.read_array_header_2_0)(self._file)
        self.shape, by_column, self.dtype = header
        if by_column or not self.shape:
            raise ValueError(f"{path}: expected an array in C order")
        self._start = self._file.tell()
        self._bytes = self.dtype.itemsize * math.prod(self.shape[1:])  # a row
        if os.fstat(self._file.fileno()).st_size < self._start + len(self) * self._bytes:
            raise ValueError(f"{path} is cut off")
        self._last: tuple[np.ndarray, np.ndarray] | None = None

    def __len__(self) -> int:
        return self.shape[0]

    @property
    def ndim(self) -> int:
        """How many axes the array has."""
        return len(self.shape)

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
        if self._last is None or not np.array_equal(rows, self._last[0]):
            self._last = (rows.copy(), self[rows])
        return self._last[1][:, columns].copy()

    def __getitem__(self, rows: slice | np.ndarray) -> np.ndarray:
        """Returns rows ``[len(rows), ...]``; they cannot be written."""
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(len(self)))
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
        return np.frombuffer(content, self.dtype).reshape(len(rows), *self.shape[1:])

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
