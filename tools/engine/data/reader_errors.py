"""What a reader raises becomes one line that names the reader."""

from __future__ import annotations

import os
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from engine.system.errors import UserError


@contextmanager
def reader_errors(reader: str) -> Iterator[None]:
    """Turns what a reader raises into a UserError that names the reader."""
    try:
        yield
    except UserError:
        raise
    except ValueError as error:  # readers say in one what is wrong with a line
        raise UserError(f"{reader}: {error}") from error
    except Exception as error:
        raise UserError(f"{reader}: {type(error).__name__}: {error}{_place(error)}") from error


def _place(error: Exception) -> str:
    """Returns the innermost line of a reader that an error came from, in brackets."""
    engine, installed = (
        os.path.dirname(os.path.dirname(__file__)),
        os.path.dirname(os.path.dirname(np.__file__)),
    )
    for frame in reversed(traceback.extract_tb(error.__traceback__)):
        if not frame.filename.startswith((engine, installed, "<")):
            return f" ({os.path.basename(frame.filename)}, line {frame.lineno})"
    return ""


def no_rows(reader: str) -> UserError:
    """Returns the error for data without rows."""
    return UserError(f"{reader}: the data hold no rows")
