"""Turns exceptions of a reader into errors of one line that name the reader."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from engine.model_folder import importing
from engine.system.errors import UserError


@contextmanager
def reader_errors(reader: str) -> Iterator[None]:
    """Turns an exception of a reader into a UserError that names the reader."""
    try:
        yield
    except UserError:
        raise
    except ValueError as error:  # its message needs no class name: readers report bad lines so
        raise UserError(f"{reader}: {error}") from error
    except Exception as error:
        name = type(error).__name__
        problem = f"{reader}: {name}: {error}{_source_line(error)}"
        raise UserError(f"{problem}{_advice(error)}") from error


def _advice(error: Exception) -> str:
    """Returns what to do about a path that a reader cannot open, as a clause."""
    if isinstance(error, IsADirectoryError):
        return "; the reader gets the entries of its data folder, and must walk sub-folders itself"
    path = getattr(error, "filename", None)
    if isinstance(error, FileNotFoundError) and isinstance(path, str) and not os.path.isabs(path):
        folder = importing.active_folder()
        if folder and os.path.exists(os.path.join(folder, path)):
            return f"; it is relative to the current directory: run the command in {folder}"
    return ""


def _source_line(error: Exception) -> str:
    """Returns the innermost line outside the engine that raised the error, in brackets."""
    engine = os.path.dirname(os.path.dirname(__file__))
    installed = os.path.dirname(os.path.dirname(np.__file__))
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith((engine, installed, "<")):
            return f" ({os.path.basename(frame.filename)}, line {frame.lineno})"
    return ""


def no_rows(reader: str) -> UserError:
    """Returns the error for data without rows."""
    return UserError(f"{reader}: the data contain no rows")
