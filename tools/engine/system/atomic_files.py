"""Writes files completely or not at all: a temporary file is flushed, then renamed."""

from __future__ import annotations

import contextlib
import json
import math
import os
from collections.abc import Iterator
from typing import Any

import numpy as np

from engine.system import temporary
from engine.system.errors import UserError


@contextlib.contextmanager
def writing(path: str) -> Iterator[str]:
    """Yields the path of a temporary file that replaces ``path`` when the block ends.

    After an error the temporary file is removed and ``path`` is unchanged.

    Args:
        path: the final file; its folder is created if necessary. Both paths have the same ending.

    Raises:
        UserError: the file cannot be written.
    """
    folder, name = os.path.split(os.path.abspath(path))
    try:
        os.makedirs(folder, exist_ok=True)
        with temporary.new_file(folder, name) as building:
            yield building
            replace(building, path)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error


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
        content: mappings, lists, strings, numbers and NumPy arrays.

    Raises:
        UserError: the file cannot be written.
    """
    with writing(path) as building, open(building, "w", encoding="utf-8") as file:
        json.dump(json_value(content), file, indent=1, ensure_ascii=False, allow_nan=False)


def json_value(value: Any) -> Any:
    """Converts a value to the types of JSON; an array with one element becomes a number."""
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
    """Checks that files can be written in a folder, so that a long command can fail early.

    Returns:
        The folder, or its nearest existing parent.

    Raises:
        UserError: they cannot be written there.
    """
    existing = folder
    while not os.path.exists(existing):
        existing = os.path.dirname(existing)
    if not os.path.isdir(existing):
        raise UserError(f"cannot save to {folder}: {existing} is not a folder")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise UserError(f"cannot save to {folder}: no permission to write in {existing}")
    return existing


def replace(source: str, target: str) -> None:
    """Flushes a file to disk and renames it; an existing target is replaced.

    Raises:
        OSError: the file cannot be flushed or renamed.
    """
    flush(source)
    os.replace(source, target)


def flush_tree(folder: str) -> None:
    """Flushes a folder and everything in it to disk.

    Raises:
        OSError: a file or folder cannot be flushed.
    """
    for parent, _, names in os.walk(folder, topdown=False):
        for name in names:
            flush(os.path.join(parent, name))
        flush(parent)


def flush(path: str) -> None:
    """Flushes a file or a folder to disk.

    Raises:
        OSError: it cannot be flushed.
    """
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
