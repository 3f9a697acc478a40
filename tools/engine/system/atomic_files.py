"""Files that are written whole or not at all."""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from engine.system.errors import UserError


@contextlib.contextmanager
def writing(path: str) -> Iterator[str]:
    """Gives the name of a file beside another, whose place it takes once it is written.

    Whatever goes wrong, it is removed, and what was there before is as it was.

    Args:
        path: the file in the end; its folder is made if need be. Both names end alike.

    Raises:
        UserError: it cannot be written.
    """
    folder, name = os.path.split(os.path.abspath(path))
    building = os.path.join(folder, f".{os.getpid()}.{name}")
    try:
        os.makedirs(folder, exist_ok=True)
        yield building
        _flush(building)
        os.replace(building, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.remove(building)
        if isinstance(error, OSError):
            raise UserError(f"cannot write {path}: {error.strerror or error}") from error
        raise


def write_text(path: str, text: str) -> None:
    """Writes a text in UTF-8.

    Raises:
        UserError: it cannot be written.
    """
    with writing(path) as building, open(building, "w", encoding="utf-8") as file:
        file.write(text)


def _flush(path: str) -> None:
    with open(path, "rb") as file:
        os.fsync(file.fileno())
