"""Locks an output folder, so that only one run at a time writes to it."""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import socket
import stat
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from engine.system import atomic_files, temporary
from engine.system.errors import UserError

logger = logging.getLogger(__name__)

NAME = ".lock"  # listings of data files skip hidden files


@contextmanager
def locked(root: str) -> Iterator[None]:
    """Locks an output folder for the duration of a ``with`` block.

    The kernel holds the lock (``flock``) while this process has the file open, so the lock of a
    killed run disappears with it. On a file system without locks there is only a warning.

    Args:
        root: ``runner.model_save_path``. It is created if necessary, and removed if it stays empty.

    Raises:
        UserError: another run holds the lock, or the folder cannot be written.
    """
    atomic_files.check_writable(root)
    created = _create(root)
    path = os.path.join(root, NAME)
    try:
        descriptor = _open_locked(root, path)
        try:
            temporary.sweep(root)
            yield
        finally:
            # Removed before the lock is released: a process that opened the file in the meantime
            # sees that it is gone, and creates a new one.
            with suppress(OSError):
                os.remove(path)
            os.close(descriptor)
    finally:
        for folder in created:
            with suppress(OSError):  # not empty
                os.rmdir(folder)


def _create(root: str) -> list[str]:
    """Creates a folder and its parents; returns the folders that are new, innermost first."""
    created, folder = [], root
    while not os.path.exists(folder):
        created.append(folder)
        folder = os.path.dirname(folder)
    try:
        os.makedirs(root, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot save to {root}: {error.strerror}") from error
    return created


def _open_locked(root: str, path: str) -> int:
    """Returns the descriptor of the lock file, which is locked if the file system has locks."""
    while True:
        try:
            flags = os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW | os.O_NONBLOCK
            descriptor = os.open(path, flags, 0o666)
        except OSError as error:
            is_link = error.errno == errno.ELOOP
            reason = "it is a symbolic link; remove it" if is_link else error.strerror
            raise UserError(f"cannot save to {root}: {path}: {reason}") from error
        try:
            _check_own(descriptor, path)
        except UserError as error:
            os.close(descriptor)
            raise UserError(f"cannot save to {root}: {error}") from None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                holder = _read_holder(descriptor)
                os.close(descriptor)
                hint = "wait for it, or set another runner.model_save_path"
                raise UserError(f"{root} is in use by {holder}; {hint}") from error
            logger.warning(
                "%s: this file system has no locks (%s); a second run in this folder will not be "
                "detected",
                root,
                error.strerror,
            )
            return descriptor
        if _is_file_at(descriptor, path):
            _write_holder(descriptor)
            return descriptor
        os.close(descriptor)  # the run that held the lock has removed the file


def _is_file_at(descriptor: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.lstat(path))
    except FileNotFoundError:
        return False


def _check_own(descriptor: int, path: str) -> None:
    """Checks that a file is a lock of this project: it is written, and removed at the end.

    Raises:
        UserError: it is another file, or has another name too.
    """
    status = os.fstat(descriptor)
    content = os.pread(descriptor, 4096, 0) if stat.S_ISREG(status.st_mode) else b""
    is_own = not content or content.startswith(b'{"process": ')
    if not stat.S_ISREG(status.st_mode) or status.st_nlink > 1 or not is_own:
        raise UserError(f"{path}: expected the lock of a run, found another file; move it away")


def _write_holder(descriptor: int) -> None:
    holder = {
        "process": os.getpid(),
        "host": socket.gethostname(),
        "command": os.path.basename(sys.argv[0]),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
    }
    with suppress(OSError):  # on a full disk the lock holds too
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(holder).encode(), 0)


def _read_holder(descriptor: int) -> str:
    """Describes the run that holds a lock."""
    try:
        holder = json.loads(os.pread(descriptor, 4096, 0))
        return "{command}, process {process} on {host}, since {since}".format(**holder)
    except (OSError, ValueError, KeyError, TypeError):  # not yet written
        return "another run"
