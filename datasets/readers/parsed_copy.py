"""Parsed copies of text files: each file is parsed once and then read from a memory map."""

from __future__ import annotations

import errno
import hashlib
import logging
import os
import re
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, Callable

import numpy as np

from datasets.readers import block_sums, cache_folder
from datasets.readers.stored_rows import StoredRows

logger = logging.getLogger(__name__)

_FULL = (errno.ENOSPC, errno.EDQUOT)
_VERSION = 2  # of the parsers and of the copies; a new version parses all files again


def load(
    path: str,
    columns: int,
    dtype: type,
    parse_into: Callable[[str, str], None],
    cache_dir: str | None = None,
    form: str = "",
) -> np.ndarray:
    """Returns a file's table ``[rows, columns]``, from its parsed copy if that is up to date.

    The name of the copy contains the file's path, size and time of change, so a changed file has
    no copy. The copy gets its name when it is complete. Checksums show whether it has changed
    since. One process parses a file, and others that need the same copy wait for it.

    Args:
        path: the file.
        columns: number of columns of the table.
        dtype: dtype of the table.
        parse_into: takes the paths of a temporary file and of the file, and writes the copy with
            `write` or `new_copy`.
        cache_dir: folder of the copy; the user's cache folder if None, see `cache_folder`.
        form: identifies one of several tables of a file; empty if it has one table. The copies of
            all forms are kept until the file changes.

    Raises:
        ValueError: no folder can be written, or ``parse_into`` raised it.
    """
    path = os.path.abspath(path)
    stamp = _stamp(path)
    source = _source(path)
    kind = _digest(repr((_VERSION, columns, np.dtype(dtype).str, form)))[:8]
    name = f"{source}{kind}.{stamp}"
    for folder in cache_folder.folders(cache_dir):
        table = _open(os.path.join(folder, name), path, dtype, columns)
        if table is not None:
            return table
    try:
        folder = cache_folder.writable(cache_dir)
    except ValueError as error:
        raise ValueError(f"{path}: {error}") from error
    copy = os.path.join(folder, name)
    try:
        with cache_folder.turn(copy) as temporary:
            if _open(copy, None, dtype, columns) is None:
                parse_into(temporary, path)
                if _stamp(path) != stamp:  # some rows may be old and some new
                    raise ValueError(f"{path}: the file changed while it was read")
                shutil.copymode(path, temporary)
                os.replace(temporary, copy)
    except OSError as error:
        hint = "; set runner.cache_dir to a folder with room" if error.errno in _FULL else ""
        reason = f"{error.strerror or error}{hint}"
        raise ValueError(f"{path}: cannot write {copy}: {reason}") from error
    table = _open(copy, path, dtype, columns)
    if table is None:
        raise ValueError(f"{path}: another program removed or changed its parsed copy {copy}")
    _remove_stale(folder, source, stamp)
    cache_folder.limit(folder, copy)
    return table


def load_counts(
    path: str,
    columns: int,
    count: Callable[[], np.ndarray],
    cache_dir: str | None,
    form: str,
) -> np.ndarray:
    """Returns counts about a file's rows, float64 ``[rows, columns]``, stored like its copy.

    Args:
        path: the file.
        columns: number of columns of the counts.
        count: returns the counts; called if they are not stored.
        cache_dir: folder of the copy; see `load`.
        form: identifies what is counted.

    Raises:
        ValueError: the counts cannot be stored.
    """
    return load(
        path,
        columns,
        np.float64,
        lambda temporary, source: write(temporary, source, columns, np.float64, [count()]),
        cache_dir,
        form,
    )


def write(
    temporary: str, path: str, columns: int, dtype: type, blocks: Iterable[np.ndarray]
) -> None:
    """Writes a file's parsed copy.

    Args:
        temporary: path of the copy while it is written.
        path: the file.
        columns: number of columns of the table.
        dtype: dtype of the table.
        blocks: the rows in blocks ``[n, columns]``. Only one block is in memory at a time.

    Raises:
        ValueError: the file cannot be read or has no rows.
        OSError: the copy cannot be written.
    """
    stored = np.dtype(dtype).newbyteorder("<")
    rows = 0
    with new_copy(temporary) as file:
        _write_header(file, stored, rows, columns)
        start = file.tell()
        for block in blocks:
            file.write(np.ascontiguousarray(block, stored))
            rows += len(block)
        if not rows:
            raise ValueError(f"{path}: the file holds no rows")
        file.seek(0)
        _write_header(file, stored, rows, columns)
        if file.tell() != start:
            raise ValueError(f"{path}: {rows} rows are too many for one file: split it")


def _write_header(file: IO[bytes], dtype: np.dtype, rows: int, columns: int) -> None:
    # NumPy reserves space for a larger number of rows, so the header can be overwritten.
    header = {"descr": dtype.str, "fortran_order": False, "shape": (rows, columns)}
    np.lib.format.write_array_header_1_0(file, header)


@contextmanager
def new_copy(temporary: str) -> Iterator[IO[bytes]]:
    """Opens a parsed copy for writing, and appends its checksums when the block ends.

    Write into the file, do not map it: a full disk makes a write an error, but a mapped page a
    crash.

    Args:
        temporary: path of the copy while it is written.

    Raises:
        OSError: the copy cannot be written.
    """
    with open(temporary, "r+b") as file:
        yield file
        block_sums.append(file)


def unmapped(table: np.ndarray) -> np.ndarray | StoredRows:
    """Returns a memory-mapped table as one that reads its rows from the file.

    If another process has removed the file, the memory map is returned: it still has the rows.
    """
    try:
        stored = StoredRows(table.base.filename)  # the table is a view of the memory map
    except FileNotFoundError:
        return table
    cache_folder.use(stored)
    return stored


def _open(path: str, source: str | None, dtype: type, columns: int) -> np.ndarray | None:
    """Returns a parsed copy, or None if there is none that can be used.

    Args:
        path: the copy.
        source: the file that it is a copy of, for a warning about damage; None for no warning.
        dtype: dtype of the table.
        columns: number of columns of the table.
    """
    try:
        with open(path, "rb") as file:
            cache_folder.use(file)
            if np.lib.format.read_magic(file) != (1, 0):
                raise ValueError("another version")
            shape, by_column, stored = np.lib.format.read_array_header_1_0(file)
            if len(shape) != 2 or shape[1] != columns or by_column or stored != dtype:
                raise ValueError("another table")
            start = file.tell()
            if not block_sums.intact(file, start + shape[0] * shape[1] * stored.itemsize):
                raise ValueError("other checksums")
            return np.memmap(file, stored, "r", start, shape).view(np.ndarray)
    except Exception as error:  # damaged in any way: the file is parsed again
        if source and not isinstance(error, OSError):
            logger.warning("%s is damaged: %s is parsed again", path, source)
        return None


def _source(path: str) -> str:
    """Returns the start of the names of a file's copies: a part of its name, a hash of its path."""
    path = os.path.realpath(path)
    name = re.sub(r"[^\w.-]", "_", os.path.basename(path))[:40]
    return f".{name}.{_digest(path)[:16]}."


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode(errors="surrogateescape")).hexdigest()


def _stamp(path: str) -> str:
    """Returns the end of the copy's name: the file's size and time of change."""
    status = os.stat(path)
    return f"{status.st_size}-{status.st_mtime_ns}.npy"


def _remove_stale(folder: str, source: str, stamp: str) -> None:
    """Removes the copies of a file as it was before it changed."""
    for name in os.listdir(folder):
        copy = re.fullmatch(re.escape(source) + r"[0-9a-f]{8}\.(\d+-\d+\.npy)", name)
        if copy and copy[1] != stamp:
            with suppress(FileNotFoundError):  # another process may remove it too
                os.remove(os.path.join(folder, name))
