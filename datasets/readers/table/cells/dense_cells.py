"""The numbers of a dense column's cells in a batch."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from datasets.readers.table.arrow import pa
from datasets.readers.table.cells import times, values, vectors
from datasets.readers.table.cells.categories import located
from datasets.readers.table.column_types.dense import Dense
from datasets.readers.table.columns import Table
from datasets.readers.table.files import Place


def dense_cells(
    column: Dense, arrays: Mapping[str, pa.Array], table: Table, place: Place
) -> np.ndarray:
    """Returns a column's numbers ``[n, width]``, float64; NaN where a cell is missing.

    Args:
        column: the column.
        arrays: the batch's columns by name.
        table: the table's columns and their types.
        place: returns the place of a row of the batch.

    Raises:
        ValueError: a cell is invalid.
    """
    missing = table.missing
    with located(place, ", ".join(column.sources)):
        if column.derived is not None:
            return times.ages(arrays, column.derived, missing)[:, None]
        if column.vector is not None:
            return vectors.vectors(arrays[column.name], column.vector, missing)
        return values.numbers(arrays[column.name], missing)[:, None]
