"""Reads rows of an array from its file, for tables that are too large for a memory map.

Rows in random order soon touch all pages of a memory map, and these count as memory of the
process. Here only the system's file cache keeps pages, and it frees them when memory is short.
A file that is truncated under a memory map crashes the process; here it is an error.
"""

from __future__ import annotations

import math
import os

import numpy as np


class StoredRows:
    """An array in a ``.npy`` file whose rows are read when they are needed.

    Args:
        path: a ``.npy`` file of an array ``[rows, ...]`` in C order.

    Attributes:
        shape: shape of the array.
        dtype: dtype of the array.

    Raises:
        OSError: the file cannot be opened.
        ValueError: the file has another format, or is truncated.
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
        self._row_size = self.dtype.itemsize * math.prod(self.shape[1:])  # bytes
        if os.fstat(self._file.fileno()).st_size < self._start + len(self) * self._row_size:
            raise ValueError(f"{path} is truncated")
        self._last: tuple[np.ndarray, np.ndarray] | None = None

    def __len__(self) -> int:
        return self.shape[0]

    def fileno(self) -> int:
        """Returns the descriptor of the file, for locks."""
        return self._file.fileno()

    @property
    def ndim(self) -> int:
        """The number of axes."""
        return len(self.shape)

    def take(self, rows: slice | np.ndarray, columns: slice) -> np.ndarray:
        """Returns columns of rows, ``[len(rows), width]``, as a new array.

        The last block of rows is kept, because its labels, numbers and ids are taken one after the
        other.

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
        """Returns rows ``[len(rows), ...]`` as a read-only array."""
        if isinstance(rows, slice):
            rows = np.arange(*rows.indices(len(self)))
        if len(rows) and not (rows.min() >= 0 and rows.max() < len(self)):
            raise IndexError(
                f"{self._path}: expected rows from 0 to {len(self) - 1}, found {rows.min()} to "
                f"{rows.max()}"
            )
        if len(rows) and rows[-1] - rows[0] == len(rows) - 1 and (np.diff(rows) == 1).all():
            content = self._bytes_at(int(rows[0]), len(rows))
        else:
            offsets = (self._start + rows.astype(np.int64) * self._row_size).tolist()
            number, read, size = self._file.fileno(), os.pread, self._row_size
            content = b"".join([read(number, size, offset) for offset in offsets])
        if len(content) != len(rows) * self._row_size:
            raise OSError(f"{self._path} is truncated")
        return np.frombuffer(content, self.dtype).reshape(len(rows), *self.shape[1:])

    def _bytes_at(self, first: int, count: int) -> bytes:
        """Returns the bytes of consecutive rows; one system call may return only a part."""
        parts, done, size = [], 0, count * self._row_size
        while done < size:
            offset = self._start + first * self._row_size + done
            part = os.pread(self._file.fileno(), size - done, offset)
            if not part:
                break
            parts.append(part)
            done += len(part)
        return b"".join(parts)
