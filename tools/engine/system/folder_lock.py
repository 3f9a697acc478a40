"""One run an output folder: a lock that ends with the process that holds it."""

from __future__ import annotations

import errno
import fcntl
import json
import logging
import os
import socket
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from engine.system import atomic_files
from engine.system.errors import UserError

logger = logging.getLogger(__name__)

NAME = ".lock"  # hidden: what lists a folder's data does not see it


@contextmanager
def locked(root: str) -> Iterator[None]:
    """Keeps other runs out of an output folder.

    The kernel holds the lock (``flock``) for as long as this process has the file open, so a run
    that is killed leaves none behind. On a file system without locks a warning says that other
    runs are not noticed.

    Args:
        root: ``runner.model_save_path``; it is made, and removed again if nothing was put there.

    Raises:
        UserError: another run holds it, or nothing can be written there.
    """
    atomic_files.check_writable(root)
    made = _make(root)
    path = os.path.join(root, NAME)
    try:
        descriptor = _open_locked(root, path)
        try:
            yield
        finally:
            # Removed while it is held: who opened it in the meantime finds it gone, and opens anew.
            with suppress(OSError):
                os.remove(path)
            os.close(descriptor)
    finally:
        for folder in made:
            with suppress(OSError):  # it is in use now
                os.rmdir(folder)


def _make(root: str) -> list[str]:
    """Makes a folder; returns those that were not there before, innermost first."""
    made, place = [], root
    while not os.path.exists(place):
        made.append(place)
        place = os.path.dirname(place)
    try:
        os.makedirs(root, exist_ok=True)
    except OSError as error:
        raise UserError(f"cannot save to {root}: {error.strerror}") from error
    return made


def _open_locked(root: str, path: str) -> int:
    while True:
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT, 0o666)
        except OSError as error:
            raise UserError(f"cannot save to {root}: {path}: {error.strerror}") from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            if error.errno in (errno.EWOULDBLOCK, errno.EACCES):
                problem = UserError(f"{root} is in use: {_holder(descriptor)}")
                os.close(descriptor)
                raise problem from error
            logger.warning(
                "%s: no locks on this file system (%s): another run into it would not be noticed",
                root,
                error.strerror,
            )
            return descriptor
        if _is_at(descriptor, path):
            _sign(descriptor)
            return descriptor
        os.close(descriptor)  # its holder removed it when it ended


def _is_at(descriptor: int, path: str) -> bool:
    try:
        return os.path.samestat(os.fstat(descriptor), os.stat(path))
    except FileNotFoundError:
        return False


def _sign(descriptor: int) -> None:
    facts = {
        "process": os.getpid(),
        "host": socket.gethostname(),
        "command": os.path.basename(sys.argv[0]),
        "since": time.strftime("%Y-%m-%d %H:%M:%S"),
    }
    with suppress(OSError):  # a full disk: the lock holds all the same, unsigned
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, json.dumps(facts).encode(), 0)


def _holder(descriptor: int) -> str:
    try:
        facts = json.loads(os.pread(descriptor, 4096, 0))
        return "{command}, process {process} on {host}, trains there since {since}".format(**facts)
    except (OSError, ValueError, KeyError, TypeError):  # it has not signed yet
        return "another run trains there"
