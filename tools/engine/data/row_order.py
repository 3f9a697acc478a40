"""The length, the row order and the groups of a reader's dataset."""

from __future__ import annotations

from typing import Any

import numpy as np

from engine.data.reader_errors import reader_errors
from engine.system.errors import UserError


def epoch_order(rows: int, seed: int | None, epoch: int | None) -> np.ndarray | None:
    """Returns the row numbers in an epoch's order, ``[rows]``; None for the order of the files."""
    if seed is None or epoch is None:
        return None
    return np.random.default_rng([seed, epoch]).permutation(rows)


def has_length(dataset: Any) -> bool:
    """Returns whether a dataset knows its number of rows."""
    # paddle.io's IterableDataset defines __len__ and __getitem__, and raises in both.
    try:
        return len(dataset) >= 0
    except (TypeError, RuntimeError):
        return False


def has_blocks(dataset: Any) -> bool:
    """Returns whether a dataset returns blocks of rows."""
    return hasattr(dataset, "take") and has_length(dataset)


def read_statistics(dataset: Any, reader: str) -> dict[str, Any] | None:
    """Returns the statistics of a dataset's columns; None if the reader has none.

    Raises:
        UserError: the reader cannot compute them.
    """
    read = getattr(dataset, "column_statistics", None)
    if read is None:
        return None
    with reader_errors(reader):
        found = read()
    if not isinstance(found, dict) or not {"columns", "tasks"} <= set(found):
        expected = "expected a mapping with columns and tasks"
        raise UserError(f"{reader}: column_statistics(): {expected}, found {type(found).__name__}")
    return found


def read_groups(dataset: Any, reader: str, column: str, rows: int | None) -> np.ndarray:
    """Returns every row's group by the values of a column, ``[rows]``; negative for no group.

    Args:
        dataset: the reader's dataset.
        reader: the reader's name, for errors.
        column: the column's name.
        rows: the number of rows; None if it is unknown.

    Raises:
        UserError: the reader has no ``groups`` or no such column, or returns other values.
    """
    find = getattr(dataset, "groups", None)
    if find is None:
        raise UserError(f"it needs {reader}.RecDataset.groups: not defined")
    with reader_errors(reader):
        groups = np.asarray(find(column))
    if groups.dtype.kind not in "iu" or groups.shape != (groups.size if rows is None else rows,):
        expected = "an integer a row" if rows is None else f"an integer a row, {rows} in all"
        raise UserError(
            f"{reader}: groups({column!r}): expected {expected}; found {groups.dtype}, "
            f"shape {list(groups.shape)}"
        )
    return groups


def read_group_names(dataset: Any, reader: str, column: str) -> list[str]:
    """Returns the texts of a column's groups by their number; empty if the reader has none."""
    find = getattr(dataset, "group_names", None)
    if find is None:
        return []
    with reader_errors(reader):
        return list(find(column))
