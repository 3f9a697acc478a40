"""What every fuzz test holds an input to: a right answer or one line, and nothing run or written.

A property calls the project within `watched`, which gives it a folder of its own. It may end in two
ways: it returns, and the property compares the answer with a plain one; or it raises one of the
exceptions that the engine turns into a line, which `refusal` looks at. All else is a fault.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager

TRIED: Counter = Counter()  # inputs tried in this process, by target

_FORBIDDEN = (
    "ctypes.dlopen",
    "os.exec",
    "os.fork",
    "os.forkpty",
    "os.posix_spawn",
    "os.spawn",
    "os.system",
    "pickle.find_class",
    "pty.spawn",
    "shutil.rmtree",
    "socket.connect",
    "subprocess.Popen",
)
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC
_LONGEST = 2000  # characters that a message may have beyond what it quotes


class FaultError(AssertionError):
    """The project did with an input what it must not do."""


class _Guard:
    """Python's own record of what is called, while an input is tried."""

    def __init__(self):
        self.folder: str | None = None
        self.seen: list[str] = []
        sys.addaudithook(self._event)

    def _event(self, name: str, arguments: tuple) -> None:
        if self.folder is None:
            return
        if name in _FORBIDDEN:
            self.seen.append(f"{name}{arguments!r}")
        elif name == "open":
            path, _, flags = arguments
            inside = not isinstance(path, str) or path.startswith(self.folder)
            if isinstance(flags, int) and flags & _WRITES and not inside:
                self.seen.append(f"open({path!r}) to write")


_guard = _Guard()
_base: list[str] = []


def _new_folder() -> str:
    if not _base:
        _base.append(tempfile.mkdtemp(prefix="paddlemtl-fuzz-"))
    # A name of its own each time: files of one name that change within a tick of the clock of the
    # file system look unchanged.
    path = os.path.join(_base[0], str(sum(TRIED.values())))
    os.mkdir(path)
    return path


def quiet(wanted: bool) -> None:
    """Keeps the engine's warnings to itself, or no longer."""
    logging.getLogger("engine").setLevel(logging.CRITICAL if wanted else logging.NOTSET)


def clean() -> None:
    """Removes what inputs left."""
    while _base:
        shutil.rmtree(_base.pop(), ignore_errors=True)


@contextmanager
def watched(target: str) -> Iterator[str]:
    """Counts an input of a target and watches what is done with it.

    Yields:
        A new folder, the only place that may be written to.

    Raises:
        FaultError: code was run, or something else was written.
    """
    TRIED[target] += 1
    folder = _new_folder()
    _guard.seen.clear()
    _guard.folder = folder
    try:
        yield folder
    finally:
        _guard.folder = None
        shutil.rmtree(folder)
    if _guard.seen:
        raise FaultError(f"an input made it call {_guard.seen[0]}")


def refusal(error: Exception, said: int, named: str = "") -> str:
    """Returns the line that a person reads of a refusal.

    Args:
        error: the exception.
        said: how long the input is, which a message may quote.
        named: what the message must name: the file, where there is one.

    Raises:
        FaultError: it says nothing, or far too much, or not where.
    """
    line = " ".join(str(error).split())
    if not line:
        raise FaultError(f"{type(error).__name__} says nothing") from error
    if len(line) > 4 * said + _LONGEST:
        raise FaultError(f"a message of {len(line)} characters: {line[:200]}") from error
    if named not in str(error):
        raise FaultError(f"the message does not name {named}: {line[:200]}") from error
    return line


def put(folder: str, name: str, content: bytes) -> str:
    """Returns the path of a new file."""
    path = os.path.join(folder, name)
    with open(path, "wb") as file:
        file.write(content)
    return path
