"""Parsed copies of text files: each file is parsed once and then read from a memory map."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, Callable

import numpy as np

from datasets.readers import atomic_file
from datasets.readers.stored_rows import StoredRows


def load(
    path: str,
    columns: int,
    dtype: type,
    parse_into: Callable[[str, str], np.ndarray],
    cache_dir: str | None = None,
    form: str = "",
) -> np.ndarray:
    """Returns a file's table ``[rows, columns]``, from its parsed copy if that is up to date.

    The name of the copy contains the file's size and time of change, so a changed file has no
    copy. The copy gets its name when it is complete.

    Args:
        path: the file.
        columns: number of columns of the table.
        dtype: dtype of the table.
        parse_into: takes the paths of the copy and of the file, writes the copy, returns the table.
        cache_dir: folder of the copy if the file's own folder cannot be written;
            ``~/.cache/paddlemtl`` if None.
        form: 8 hexadecimal digits that identify one of several tables of a file; empty if it has
            one table. The copies of all forms are kept until the file changes.

    Raises:
        ValueError: no folder can be written, or ``parse_into`` raised it.
    """
    path = os.path.abspath(path)
    name = f".{os.path.basename(path)}."
    stamp = _stamp(path)
    cache_dir = cache_dir or os.path.join(os.path.expanduser("~"), ".cache", "paddlemtl")
    digest = hashlib.sha256(path.encode()).hexdigest()[:16]
    choices = [(os.path.dirname(path), name), (cache_dir, f"{name}{digest}.")]
    copy = f"{form}.{stamp}" if form else stamp
    for folder, prefix in choices:
        table = _cached(os.path.join(folder, prefix + copy), dtype)
        if table is not None and table.shape[1] == columns:
            return table
    for folder, prefix in choices:
        if folder == cache_dir:
            with suppress(OSError):
                os.makedirs(folder, exist_ok=True)
        if os.access(folder, os.W_OK):
            _remove_stale(folder, prefix, form, stamp)
            return parse_into(os.path.join(folder, prefix + copy), path)
    raise ValueError(
        f"{path}: neither its folder nor {cache_dir} can take the parsed copy "
        "(make one of them writable, or set runner.cache_dir)"
    )


def write(
    cached: str, path: str, columns: int, dtype: type, blocks: Iterable[np.ndarray]
) -> np.ndarray:
    """Writes a file's parsed copy and returns it as a memory map.

    Args:
        cached: path of the copy.
        path: the file.
        columns: number of columns of the table.
        dtype: dtype of the table.
        blocks: the rows in blocks ``[n, columns]``, one row for each line that is not blank. Only
            one block is in memory at a time.

    Raises:
        ValueError: the file cannot be read or has no rows, or the copy cannot be written.
    """
    try:
        with open_text(path) as lines:
            rows = sum(1 for line in lines if line.strip())
    except (OSError, EOFError, zlib.error) as error:  # a damaged .gz raises any of them
        raise ValueError(f"{path}: {error}") from error
    if rows == 0:
        raise ValueError(f"{path}: the file holds no rows")
    stored = np.dtype(dtype).newbyteorder("<")
    with new_copy(cached, path) as file:
        header = {"descr": stored.str, "fortran_order": False, "shape": (rows, columns)}
        np.lib.format.write_array_header_1_0(file, header)
        written = 0
        for block in blocks:
            file.write(np.ascontiguousarray(block, stored))
            written += len(block)
        if written != rows:
            raise _changed(path)
    return np.load(cached, mmap_mode="r").view(np.ndarray)


@contextmanager
def new_copy(cached: str, path: str) -> Iterator[IO[bytes]]:
    """Opens a file for writing that becomes the parsed copy when the block ends.

    Write into the file, do not map it: a full disk makes a write an error, but a mapped page a
    crash.

    Args:
        cached: path of the copy, as `load` names it.
        path: the file.

    Raises:
        ValueError: the copy cannot be written, or the file changed in the meantime: then some rows
            may be old and some new.
    """
    try:
        with atomic_file.replacing(cached, concurrent=True) as temporary:
            # Nobody else may read the rows before the copy has the mode of its source.
            with open(temporary, "xb", opener=_private) as file:
                yield file
            if not cached.endswith(_stamp(path)):
                raise _changed(path)
            shutil.copymode(path, temporary)
    except OSError as error:
        raise ValueError(f"{path}: cannot write {cached}: {error.strerror or error}") from error


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def is_gzip(path: str) -> bool:
    """Returns whether a file's name says that it is compressed."""
    return path.lower().endswith(".gz")


def open_text(path: str) -> IO[str]:
    """Opens a text file, or one whose name ends in ``.gz``."""
    opener = gzip.open if is_gzip(path) else open
    # Bytes that are no UTF-8 become an invalid cell, whose error names the line.
    return opener(path, "rt", encoding="utf-8-sig", errors="replace")


def unmapped(table: np.ndarray) -> np.ndarray | StoredRows:
    """Returns a memory-mapped table as one that reads its rows from the file.

    If another process has removed the file, the memory map is returned: it still has the rows.
    """
    try:
        return StoredRows(table.base.filename)  # the table is a view of the memory map
    except FileNotFoundError:
        return table


def _cached(path: str, dtype: type) -> np.ndarray | None:
    """Returns a parsed copy, or None if there is none that can be used."""
    try:
        table = np.lib.format.open_memmap(path, mode="r")
        complete = os.path.getsize(path) == table.offset + table.nbytes
    except Exception:  # missing, not readable or damaged in any way: the file is parsed again
        return None
    usable = complete and table.ndim == 2 and len(table) and table.dtype == dtype
    return table.view(np.ndarray) if usable else None


def _stamp(path: str) -> str:
    """Returns the end of the copy's name: the file's size and time of change."""
    status = os.stat(path)
    return f"{status.st_size}-{status.st_mtime_ns}.npy"


def _changed(path: str) -> ValueError:
    return ValueError(f"{path}: the file changed while it was read")


def _remove_stale(folder: str, prefix: str, form: str, stamp: str) -> None:
    forms = r"([0-9a-f]{8})\." if form else "()"
    for name in os.listdir(folder):
        copy = re.fullmatch(re.escape(prefix) + forms + r"(\d+-\d+\.npy)", name)
        if copy and (copy[1] == form or copy[2] != stamp):
            with suppress(FileNotFoundError):  # another process may remove it too
                os.remove(os.path.join(folder, name))
