"""The folders of parsed copies: which one, its limit, and what killed processes left there."""

from __future__ import annotations

import errno
import fcntl
import hashlib
import logging
import os
import pwd
import re
import stat
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from typing import Any

logger = logging.getLogger(__name__)

LIMIT = 20 << 30  # bytes of the user's cache folder
_TEMPORARY = re.compile(r"\.(writing|parsing)\.[0-9a-f]{12}\.npy")
_swept: set[str] = set()


def folders(cache_dir: str | None) -> list[str]:
    """Returns the folders in which parsed copies may lie, the preferred one first.

    It is ``runner.cache_dir`` if that is set. Otherwise it is ``$XDG_CACHE_HOME/paddlemtl``,
    ``~/.cache/paddlemtl`` without that variable, or a temporary folder of this user.
    """
    if cache_dir:
        return [os.path.abspath(cache_dir)]
    cache = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(cache):  # the XDG specification ignores relative paths
        home = _home()
        cache = os.path.join(home, ".cache") if home else ""
    found = [os.path.join(cache, "paddlemtl")] if cache else []
    temporary = os.path.join(tempfile.gettempdir(), f"paddlemtl-{os.geteuid()}")
    return [*found, temporary] if _is_own(temporary) else found


def _home() -> str | None:
    """Returns the user's home folder; None if there is none but the root folder."""
    home = os.environ.get("HOME")
    if not home:
        with suppress(KeyError):  # a container's user may have no entry
            home = pwd.getpwuid(os.geteuid()).pw_dir
    return home if home and os.path.isabs(home) and os.path.normpath(home) != "/" else None


def writable(cache_dir: str | None) -> str:
    """Returns the first folder that can be written; it is created, and swept if necessary.

    Raises:
        ValueError: there is none.
    """
    choices = folders(cache_dir)
    for folder in choices:
        with suppress(OSError):
            os.makedirs(folder, 0o777 if cache_dir else 0o700, exist_ok=True)
        if os.access(folder, os.W_OK | os.X_OK):
            if folder != choices[0] and folder not in _swept:
                logger.warning("cannot write %s: parsed copies go to %s", choices[0], folder)
            _sweep(folder)
            return folder
    raise ValueError(
        f"the parsed copy needs a folder, but {' and '.join(choices)} cannot be written: make one "
        "writable, or set runner.cache_dir"
    )


def _is_own(folder: str) -> bool:
    """Returns whether a folder is this user's, or does not exist: others may write beside it."""
    try:
        status = os.lstat(folder)
    except FileNotFoundError:
        return True
    return stat.S_ISDIR(status.st_mode) and status.st_uid == os.geteuid()


@contextmanager
def turn(copy: str) -> Iterator[str]:
    """Yields the path of an empty temporary file, which only this process writes.

    Other processes wait that want to write the same copy. The kernel holds the lock (``flock``)
    while the file is open, so that `_sweep` knows the files of killed processes.

    Args:
        copy: path of the parsed copy. The block renames the temporary file to it; otherwise the
            file is removed.

    Raises:
        OSError: the file cannot be created.
    """
    folder, name = os.path.split(copy)
    digest = hashlib.sha256(name.encode(errors="surrogateescape")).hexdigest()[:12]
    path = os.path.join(folder, f".writing.{digest}.npy")
    descriptor = _wait(path, copy)
    try:
        os.ftruncate(descriptor, 0)
        yield path
    finally:
        with suppress(OSError):
            if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                os.remove(path)
        os.close(descriptor)


def _wait(path: str, copy: str) -> int:
    """Returns the descriptor of the temporary file, which is locked."""
    waiting = False
    while True:
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_NOFOLLOW, 0o600)
        if not _lock(descriptor, fcntl.LOCK_EX):
            if not waiting:
                logger.info("waiting for the process that writes the parsed copy %s", copy)
            waiting = True
            time.sleep(0.05)
        else:
            with suppress(FileNotFoundError):  # the other process has renamed or removed it
                if os.path.samestat(os.fstat(descriptor), os.stat(path)):
                    return descriptor
        os.close(descriptor)


def use(file: Any) -> None:
    """Marks an open parsed copy as in use until it is closed and unmapped, and as the last used."""
    with suppress(OSError):  # another user's copy, or a file system without locks
        _lock(file.fileno(), fcntl.LOCK_SH)
        os.utime(file.fileno())


def _lock(descriptor: int, kind: int) -> bool:
    """Locks a file unless another process holds it; also True without locks on the file system."""
    try:
        fcntl.flock(descriptor, kind | fcntl.LOCK_NB)
    except OSError as error:
        return error.errno not in (errno.EWOULDBLOCK, errno.EACCES)
    return True


def _sweep(folder: str) -> None:
    """Removes temporary files that no living process holds, once a process."""
    if folder in _swept:
        return
    _swept.add(folder)
    for name in os.listdir(folder):
        if _TEMPORARY.fullmatch(name):
            _remove_unused(os.path.join(folder, name))


def limit(folder: str, kept: str) -> None:
    """Removes the least recently used copies from the user's cache folder above `LIMIT`.

    Args:
        folder: a folder of parsed copies. One that ``runner.cache_dir`` names has no limit.
        kept: path of the copy that was just written.
    """
    if folder not in folders(None):
        return
    copies = []
    for name in os.listdir(folder):
        path = os.path.join(folder, name)
        with suppress(FileNotFoundError):  # another process may remove it too
            status = os.lstat(path)
            if name.endswith(".npy") and stat.S_ISREG(status.st_mode):
                copies.append((status.st_mtime_ns, status.st_size, path))
    excess = sum(size for _, size, _ in copies) - LIMIT
    for _, size, path in sorted(copies):
        if excess > 0 and path != kept and _remove_unused(path):
            excess -= size
            reason = f"{folder} keeps {LIMIT >> 30} GB of the last used ones"
            logger.info("removed the parsed copy %s: %s", path, reason)


def _remove_unused(path: str) -> bool:
    """Removes a file unless a process holds it; returns whether it did."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK)
    except OSError:
        return False
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.remove(path)
    except OSError:  # in use, or a file system without locks, where nobody can tell
        return False
    finally:
        os.close(descriptor)
    return True
