"""Hidden temporary files and folders, and the removal of those that killed processes left.

The kernel holds a lock (``flock``) on each while its process has it open. So a name that nobody
has locked is left from a killed process, also if its process number is in use again.
"""

from __future__ import annotations

import fcntl
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress

_NAME = re.compile(r"\.writing\.[0-9a-f]{12}\..*", re.DOTALL)
_KEPT = 50  # characters of the name: a file name has at most 255 bytes


@contextmanager
def new_file(folder: str, name: str) -> Iterator[str]:
    """Yields the path of a new, empty file; removes it at the end if it is still there.

    Args:
        folder: the file's folder. What killed processes left there is removed.
        name: a name with the same ending.

    Raises:
        OSError: the file cannot be created.
    """
    sweep(folder)
    path = _path(folder, name)
    descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o666)
    with _held(descriptor):
        try:
            yield path
        finally:
            with suppress(OSError):
                os.remove(path)


@contextmanager
def new_folder(folder: str, name: str) -> Iterator[str]:
    """Yields the path of a new, empty folder, which is removed at the end; see `new_file`."""
    sweep(folder)
    path = _path(folder, name)
    os.mkdir(path)
    with _held(os.open(path, os.O_RDONLY | os.O_NOFOLLOW)):
        try:
            yield path
        finally:
            shutil.rmtree(path, ignore_errors=True)


def sweep(folder: str) -> None:
    """Removes the temporary files and folders in a folder that no living process holds."""
    for name in os.listdir(folder):
        if not _NAME.fullmatch(name):
            continue
        path = os.path.join(folder, name)
        flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK
        # An error: it is in use, another user's, or there are no locks and nobody can tell.
        with suppress(OSError), _held(os.open(path, flags), strict=True):
            shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)


def _path(folder: str, name: str) -> str:
    return os.path.join(folder, f".writing.{secrets.token_hex(6)}.{name[-_KEPT:]}")


@contextmanager
def _held(descriptor: int, strict: bool = False) -> Iterator[None]:
    """Locks a file while the block runs; a failure counts only if ``strict``."""
    try:
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError:
            if strict:
                raise
        yield
    finally:
        os.close(descriptor)
