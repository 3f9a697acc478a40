"""Lists the data files of the folders and files that a user names."""

from __future__ import annotations

import os
import stat
from collections.abc import Iterator, Sequence

from engine.system.errors import UserError


def files_of(paths: Sequence[str]) -> list[str]:
    """Returns the data files of some folders and files, in the order of ``paths``.

    The files of a folder include those of its sub-folders and are sorted by path. Hidden files and
    folders are left out unless they are named. Links are followed.

    Raises:
        UserError: a folder or a file does not exist, is no data or is named twice, a folder
            contains no files or cannot be read, or a link leads back to a folder above it.
    """
    found: list[str] = []
    named: dict[str, str] = {}  # which of the paths a real file belongs to
    for path in paths:
        if os.path.isdir(path):
            files = sorted(_walk(path, ()))
            if not files:
                raise UserError(f"folder {path} holds no files")
        else:
            files = [_regular(path)]
        real = [os.path.realpath(file) for file in files] if len(paths) > 1 else []
        for file in filter(named.__contains__, real):
            raise UserError(f"{file} would be read twice: for {named[file]} and for {path}")
        named.update(dict.fromkeys(real, path))
        found += files
    return found


def entries_of(paths: Sequence[str]) -> list[str]:
    """Returns the entries of some folders, with sub-folders as entries, and files as they are.

    They are sorted by path in each folder. Hidden ones are left out.

    Raises:
        UserError: a folder or a file does not exist or is no data, or a folder has no entries.
    """
    found = []
    for path in paths:
        entries = [path]
        if os.path.isdir(path):
            entries = [os.path.join(path, name) for name in sorted(_names(path))]
        found += [entry if os.path.isdir(entry) else _regular(entry) for entry in entries]
        if not entries:
            raise UserError(f"folder {path} holds no files")
    return found


def _regular(path: str) -> str:
    """Returns the path of a file that can be read more than once.

    Raises:
        UserError: it is something else; a FIFO would wait for ever.
    """
    try:
        mode = os.stat(path).st_mode
    except OSError as error:
        if not os.path.lexists(path):
            raise UserError(f"there is no folder or file {path}") from error
        kind = "a link to nothing" if os.path.islink(path) else error.strerror
    else:
        if stat.S_ISREG(mode):
            return path
        kinds = {stat.S_IFIFO: "a FIFO", stat.S_IFSOCK: "a socket"}
        kind = kinds.get(stat.S_IFMT(mode), "a device")
    raise UserError(f"{path}: expected a data file, found {kind}")


def _walk(folder: str, parents: tuple[str, ...]) -> Iterator[str]:
    """Yields the files of a folder; ``parents`` are the real paths of the folders above it."""
    real = os.path.realpath(folder)
    if real in parents:
        raise UserError(
            f"{folder}: a link leads back to {real}, which contains it: remove the link"
        )
    for name in _names(folder):
        path = os.path.join(folder, name)
        if os.path.isdir(path):
            yield from _walk(path, (*parents, real))
        else:
            yield _regular(path)


def _names(folder: str) -> list[str]:
    """Returns the names in a folder that are not hidden."""
    try:
        return [name for name in os.listdir(folder) if not name.startswith(".")]
    except OSError as error:
        raise UserError(f"cannot read folder {folder}: {error.strerror}") from error
