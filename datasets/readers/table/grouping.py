"""Which rows of a table belong together, such as those of one person."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from datasets.readers.table import files, values
from datasets.readers.table.cells import located
from datasets.readers.table.columns import Sparse, Table


def groups(paths: Sequence[str], table: Table, column: str) -> np.ndarray:
    """Returns a number for each value of a column, for every row; -1 where it is missing.

    Values are compared as they stand in the files: they need not be in any vocabulary.

    Raises:
        ValueError: a file is damaged, has no such column, or holds lists in it.
    """
    alone = replace(table, labels=(), dense=(), sparse=(Sparse(column),))
    known: dict[str, int] = {}
    found = []
    for path in paths:
        for columns, place in files.batches(path, alone):
            with located(place, column):
                texts, where = values.distinct(values.texts(columns[column], table.missing))
            numbers = [known.setdefault(text, len(known)) for text in texts]
            found.append(np.array([*numbers, -1], np.int64)[where])
    return np.concatenate(found)
