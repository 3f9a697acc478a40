"""Opens text files, also compressed ones, with a limit on the length of a line."""

from __future__ import annotations

import gzip
import io
import os
import zlib
from typing import IO

from datasets.readers import progress

LONGEST_LINE = 4 << 20  # bytes; PyArrow has the same limit for the rows of a table


def is_gzip(path: str) -> bool:
    """Returns whether a file's name says that it is compressed."""
    return path.lower().endswith(".gz")


def open_text(path: str, encoding: str = "utf-8-sig") -> IO[str]:
    """Opens a text file; see `open_bytes`.

    Bytes that do not fit the encoding become an invalid cell, whose error names the line.
    """
    return io.TextIOWrapper(open_bytes(path), encoding=encoding, errors="replace")


def open_bytes(path: str) -> io.BufferedReader:
    """Opens a text file, or one whose name ends in ``.gz``, as lines of bytes.

    Raises:
        ValueError: the file cannot be opened. While it is read: it is damaged, or a line is longer
            than `LONGEST_LINE`. Without that limit, a small compressed file fills the memory.
    """
    try:
        file = open(path, "rb", buffering=0)  # noqa: SIM115
    except OSError as error:
        raise _unreadable(path, error) from error
    return io.BufferedReader(_Lines(path, file), 1 << 17)


class _Lines(io.RawIOBase):
    """The bytes of a file, as long as none of its lines is too long.

    Args:
        path: the file's path, for errors.
        file: the file, open for reading; decompressed if its name says that it is compressed.
    """

    def __init__(self, path: str, file: IO[bytes]):
        self._path = path
        self._file = file
        self._size = os.fstat(file.fileno()).st_size
        self._raw = gzip.GzipFile(fileobj=file) if is_gzip(path) else file
        self._line = 1
        self._length = 0  # of the line's part that has been read

    def readable(self) -> bool:
        """Returns True, as `io.BufferedReader` asks for."""
        return True

    def readinto(self, buffer) -> int:
        """Reads up to ``len(buffer)`` bytes; returns their number."""
        try:
            part = self._raw.read(len(buffer))
        except (OSError, EOFError, zlib.error) as error:  # a damaged .gz raises any of them
            raise _unreadable(self._path, error) from error
        end = max(part.rfind(b"\n"), part.rfind(b"\r"))
        progress.report(self._path, self._file.tell(), self._size)
        self._length = len(part) - 1 - end + (self._length if end < 0 else 0)
        self._line += part.count(b"\n")
        if self._length > LONGEST_LINE:
            raise ValueError(
                f"{self._path}:{self._line}: expected lines of at most {LONGEST_LINE >> 20} MB, "
                "found a longer one"
            )
        buffer[: len(part)] = part
        return len(part)

    def close(self) -> None:
        """Closes the file."""
        self._raw.close()
        self._file.close()
        progress.report(self._path, None)
        super().close()


def _unreadable(path: str, error: Exception) -> ValueError:
    return ValueError(f"{path}: {getattr(error, 'strerror', None) or error}")
