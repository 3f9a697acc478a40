"""Groups the rows of a table by the values of a column, such as those of one user."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from datasets.readers.table import files
from datasets.readers.table.cells import values
from datasets.readers.table.cells.categories import located
from datasets.readers.table.columns import Table


def groups(paths: Sequence[str], table: Table, column: str) -> tuple[np.ndarray, list[str]]:
    """Returns the number of each row's group, -1 where the value is missing, and the groups' texts.

    Groups follow from the values in the files, not from a vocabulary. Numbers are int64 ``[rows]``.

    Raises:
        ValueError: a file is damaged, has no such column, or the column holds lists.
    """
    group_of: dict[str, int] = {}
    parts = []
    for path in paths:
        for columns, place in files.batches(path, table, [column]):
            with located(place, column):
                cells = values.categories(columns[column], table.missing, table.cell_rules)
            texts, where = values.distinct(cells)
            numbers = [group_of.setdefault(text, len(group_of)) for text in texts]
            parts.append(np.array([*numbers, -1], np.int64)[where])
    return np.concatenate(parts), list(group_of)
