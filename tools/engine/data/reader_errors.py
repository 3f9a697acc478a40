"""Turns exceptions of a reader into errors of one line that name the reader."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

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
        raise UserError(f"{reader}: {name}: {error}{_source_line(error)}") from error


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
