"""Writes files completely or not at all."""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from engine.system.errors import UserError


@contextlib.contextmanager
def writing(path: str) -> Iterator[str]:
    """Yields the name of a temporary file that replaces ``path`` when the block ends.

    After an error the temporary file is removed and ``path`` is unchanged.

    Args:
        path: the final file; its folder is created if necessary. Both names have the same ending.

    Raises:
        UserError: the file cannot be written.
    """
    folder, name = os.path.split(os.path.abspath(path))
    building = os.path.join(folder, f".{os.getpid()}.{name}")
    try:
        os.makedirs(folder, exist_ok=True)
        yield building
        flush(building)
        os.replace(building, path)
    except BaseException as error:
        with contextlib.suppress(OSError):
            os.remove(building)
        if isinstance(error, OSError):
            raise UserError(f"cannot write {path}: {error.strerror or error}") from error
        raise


def write_text(path: str, text: str) -> None:
    """Writes a text file in UTF-8.

    Raises:
        UserError: the file cannot be written.
    """
    with writing(path) as building, open(building, "w", encoding="utf-8") as file:
        file.write(text)


def write_json(path: str, content: Any) -> None:
    """Writes a JSON file; NaN and infinite numbers become ``null``.

    Args:
        path: the file.
        content: mappings, lists, texts, numbers and NumPy arrays.

    Raises:
        UserError: the file cannot be written.
    """
    with writing(path) as building, open(building, "w", encoding="utf-8") as file:
        json.dump(json_value(content), file, indent=1, ensure_ascii=False, allow_nan=False)


def json_value(value: Any) -> Any:
    """Returns a value in the types that JSON has."""
    if isinstance(value, dict):
        return {str(name): json_value(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [json_value(part) for part in value]
    if isinstance(value, (np.ndarray, np.generic)):
        array = np.asarray(value)
        return json_value(array.item() if array.size == 1 else array.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value


def check_writable(folder: str) -> str:
    """Checks, before any work is done, that files can be written in a folder.

    Returns:
        The folder, or the nearest existing folder above it.

    Raises:
        UserError: they cannot.
    """
    place = folder
    while not os.path.exists(place):
        place = os.path.dirname(place)
    if not os.path.isdir(place):
        raise UserError(f"cannot save to {folder}: {place} is not a folder")
    if not os.access(place, os.W_OK | os.X_OK):
        raise UserError(f"cannot save to {folder}: no permission to write in {place}")
    return place


def flush(path: str) -> None:
    """Flushes a file or a folder to the disk."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
