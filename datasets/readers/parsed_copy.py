"""A text file's parsed copy: a table beside the file, made once, then served from a memory map."""

from __future__ import annotations

import gzip
import hashlib
import os
import re
import shutil
import tempfile
import zlib
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from typing import IO, Callable

import numpy as np

from datasets.readers.stored_rows import StoredRows


def load(
    path: str,
    columns: int,
    dtype: type,
    parse_into: Callable[[str, str], np.ndarray],
    cache_dir: str | None = None,
    form: str = "",
) -> np.ndarray:
    """Returns a file's table, ``[rows, columns]``, from its copy if that is fresh.

    The copy's name carries the source's size and time of change, so a changed source has no
    copy, and a copy is complete the moment its name exists.

    Args:
        path: the file.
        columns: how many the table has.
        dtype: of the table.
        parse_into: makes the copy and returns the table, given the copy's path and the file's.
        cache_dir: where the copy goes if the file's own folder cannot be written;
            ``~/.cache/paddlemtl`` if None.
        form: what tells tables of one file apart, 8 hexadecimal digits; files with one table
            need none. A file keeps the tables of all its forms until it changes.

    Raises:
        ValueError: no folder can take the copy, or `parse_into` raised it.
    """
    path = os.path.abspath(path)
    name = f".{os.path.basename(path)}."
    stamp = _stamp(path)
    elsewhere = cache_dir or os.path.join(os.path.expanduser("~"), ".cache", "paddlemtl")
    digest = hashlib.sha256(path.encode()).hexdigest()[:16]
    choices = [(os.path.dirname(path), name), (elsewhere, f"{name}{digest}.")]
    copy = f"{form}.{stamp}" if form else stamp
    for folder, prefix in choices:
        table = _cached(os.path.join(folder, prefix + copy), dtype)
        if table is not None and table.shape[1] == columns:
            return table
    for folder, prefix in choices:
        if folder == elsewhere:
            with suppress(OSError):
                os.makedirs(folder, exist_ok=True)
        if os.access(folder, os.W_OK):
            _remove_stale(folder, prefix, form, stamp)
            return parse_into(os.path.join(folder, prefix + copy), path)
    raise ValueError(f"{path}: neither its folder nor {elsewhere} can take the parsed copy")


def write(
    cached: str, path: str, columns: int, dtype: type, blocks: Iterable[np.ndarray]
) -> np.ndarray:
    """Writes a file's table, whole or not at all, and returns it from the memory map.

    Args:
        cached: path of the copy.
        path: the file.
        columns: how many the table has.
        dtype: of the table.
        blocks: the table's rows, ``[n, columns]``, one for each line that is not blank; they are
            read one after the other, so a file of any size takes the memory of a block.

    Raises:
        ValueError: the file cannot be read or has no rows, or the copy cannot be written.
    """
    try:
        with open_text(path) as lines:
            rows = sum(1 for line in lines if line.strip())
    except (OSError, EOFError, zlib.error) as error:  # also what a damaged .gz raises
        raise ValueError(f"{path}: {error}") from error
    if rows == 0:
        raise ValueError(f"{path}: the file holds no rows")
    stored = np.dtype(dtype).newbyteorder("<")
    with replacing(cached, path) as file:
        header = {"descr": stored.str, "fortran_order": False, "shape": (rows, columns)}
        np.lib.format.write_array_header_1_0(file, header)
        done = 0
        for block in blocks:
            file.write(np.ascontiguousarray(block, stored))
            done += len(block)
        if done != rows:
            raise _changed(path)
    return np.load(cached, mmap_mode="r").view(np.ndarray)


@contextmanager
def replacing(cached: str, path: str) -> Iterator[IO[bytes]]:
    """Opens a new file, which becomes a file's copy once it is written whole.

    It is to be written, not mapped: on a full disk a write is an error, a mapped page is a crash.

    Args:
        cached: path of the copy, of which `load` made the name.
        path: the file.

    Raises:
        ValueError: the copy cannot be written, or the file is no longer what its copy's name says:
            then some rows may be old and some new.
    """
    handle, temporary = tempfile.mkstemp(
        dir=os.path.dirname(cached), prefix=".parsing.", suffix=".npy"
    )
    try:
        with os.fdopen(handle, "wb") as file:
            yield file
        if not cached.endswith(_stamp(path)):
            raise _changed(path)
        shutil.copymode(path, temporary)  # who can read the source can use its parsed copy
        os.replace(temporary, cached)
    except OSError as error:
        raise ValueError(f"{path}: cannot write {cached}: {error.strerror or error}") from error
    finally:
        if os.path.exists(temporary):
            os.remove(temporary)


def is_gzip(path: str) -> bool:
    """Whether a file is compressed, by its name."""
    return path.lower().endswith(".gz")


def open_text(path: str) -> IO[str]:
    """Opens a text file, or one whose name ends in ``.gz``."""
    opener = gzip.open if is_gzip(path) else open
    # What is no text becomes a cell that is no number, and an error that names the line.
    return opener(path, "rt", encoding="utf-8-sig", errors="replace")


def unmapped(table: np.ndarray) -> np.ndarray | StoredRows:
    """Returns a table that was loaded as one that is read from its file, if that is still there."""
    try:
        return StoredRows(table.base.filename)  # of the memory map, which the table is a view of
    except FileNotFoundError:  # another process has parsed the source anew; the map holds the rows
        return table


def _cached(path: str, dtype: type) -> np.ndarray | None:
    """Returns a parsed copy, or None where there is none that can be used."""
    try:
        table = np.lib.format.open_memmap(path, mode="r")
        whole = os.path.getsize(path) == table.offset + table.nbytes
    except Exception:  # absent, another user's, damaged in any way: the file is parsed anew
        return None
    good = whole and table.ndim == 2 and len(table) and table.dtype == dtype
    return table.view(np.ndarray) if good else None


def _stamp(path: str) -> str:
    """Returns how the name of a file's copy ends: its size and time of change."""
    status = os.stat(path)
    return f"{status.st_size}-{status.st_mtime_ns}.npy"


def _changed(path: str) -> ValueError:
    return ValueError(f"{path}: the file changed while it was read")


def _remove_stale(folder: str, prefix: str, form: str, stamp: str) -> None:
    forms = r"([0-9a-f]{8})\." if form else "()"
    for name in os.listdir(folder):
        found = re.fullmatch(re.escape(prefix) + forms + r"(\d+-\d+\.npy)", name)
        if found and (found[1] == form or found[2] != stamp):
            with suppress(FileNotFoundError):  # another process does the same
                os.remove(os.path.join(folder, name))
