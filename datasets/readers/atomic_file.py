"""Writes a file under a temporary name and renames it once its content is complete."""

from __future__ import annotations

import fcntl
import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path


@contextmanager
def naming(path: str | os.PathLike) -> Iterator[None]:
    """Adds the file's name to an OSError that has none, such as that of a full disk.

    Args:
        path: the file that is written in the block.

    Raises:
        OSError: the error of the block, with a file name.
    """
    try:
        yield
    except OSError as exc:
        exc.filename = exc.filename or str(path)
        raise


@contextmanager
def replacing(path: str | os.PathLike, concurrent: bool = False) -> Iterator[Path]:
    """Yields the path of a temporary file, which becomes ``path`` when the block ends.

    The temporary file is in the same folder, and its name ends like that of ``path``. If the block
    raises an exception, ``path`` stays as it was and the temporary file is removed.

    Args:
        path: the file to write or replace. Its folder must exist.
        concurrent: whether several processes may replace ``path`` at the same time. Then each has
            its own temporary file. Otherwise the name is fixed: killed runs leave only one file.

    Raises:
        OSError: the file cannot be written. The error always has a file name: Python leaves it out
            when the disk is full.
    """
    path = Path(path)
    unique = f"{secrets.token_hex(6)}{path.suffix}" if concurrent else path.name
    temporary = path.with_name(f".writing.{unique}")
    with naming(path):
        if not concurrent:
            temporary.unlink(missing_ok=True)  # what a killed run left
        descriptor = no_link(temporary, os.O_RDWR | os.O_CREAT | os.O_EXCL)
        try:
            with suppress(OSError):  # shows other runs that the file is in use
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield temporary
            os.replace(temporary, path)
        finally:
            with suppress(OSError):
                temporary.unlink(missing_ok=True)
            os.close(descriptor)


def no_link(path: str | os.PathLike, flags: int) -> int:
    """Opens a file for writing, as the ``opener`` of ``open``; a symbolic link is an error."""
    return os.open(path, flags | os.O_NOFOLLOW, 0o666)
