"""A column's cells in a batch: the values in them, and where one stands that cannot be used."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np

from datasets.table import values
from datasets.table.arrow import pa
from datasets.table.columns import Sparse, Table
from datasets.table.files import Place


def category_cells(column: Sparse, array: pa.Array, table: Table) -> tuple[pa.Array, np.ndarray]:
    """Returns a column's values as texts, and the row of each."""
    if column.separator is not None:
        return values.lists(array, column.separator, table.missing)
    return values.texts(array, table.missing), np.arange(len(array))


@contextmanager
def located(place: Place, column: str) -> Iterator[None]:
    """Says where a cell is that cannot be used: file, line and column."""
    try:
        yield
    except values.CellError as error:
        raise ValueError(f"{place(error.row)}: column {column}: {error}") from error
