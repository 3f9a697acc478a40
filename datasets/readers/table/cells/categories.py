"""The values of a column's cells in a batch, and the place of an invalid cell."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import numpy as np

from datasets.readers.table.arrow import pa, pc
from datasets.readers.table.cells import times, values
from datasets.readers.table.columns import Sparse, Table
from datasets.readers.table.files import Place

_UNIT_SEPARATOR = "\x1f"  # between the values of a cross


def category_cells(
    column: Sparse, arrays: Mapping[str, pa.Array], table: Table, place: Place
) -> tuple[pa.Array, np.ndarray, np.ndarray | None]:
    """Returns a column's values as texts, the row of each, and its weight if the column has any.

    Args:
        column: the column.
        arrays: the batch's columns by name.
        table: the table's columns and their types.
        place: returns the place of a row of the batch.

    Raises:
        ValueError: a cell is invalid.
    """
    parts = []
    for name in column.sources:
        with located(place, name):
            parts.append(_cells(column, arrays[name], table))
    (texts, rows, weights), *others = parts
    if others:  # the cross is null where one of its values is missing
        texts = pc.binary_join_element_wise(texts, *(other[0] for other in others), _UNIT_SEPARATOR)
    return texts, rows, weights


def _cells(
    column: Sparse, array: pa.Array, table: Table
) -> tuple[pa.Array, np.ndarray, np.ndarray | None]:
    if column.derived is not None:
        texts = times.categories(array, column.derived, table.missing)
        return texts, np.arange(len(array)), None
    missing, cell_rules = table.missing, table.cell_rules
    if column.separator is not None:
        return values.lists(array, column.separator, missing, cell_rules, column.weighted)
    return values.categories(array, missing, cell_rules), np.arange(len(array)), None


@contextmanager
def located(place: Place, column: str) -> Iterator[None]:
    """Adds file, line and column to the error of an invalid cell."""
    try:
        yield
    except values.CellError as error:
        raise ValueError(f"{place(error.row)}: column {column}: {error}") from error
