"""Counts the cells of a file's columns while they are encoded."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from datasets.readers.table.arrow import pa
from datasets.readers.table.cells import odd_cells
from datasets.readers.table.columns import Sparse
from datasets.readers.table.encoding import Encoding

# The fields of a column. The values and the unknown ones are not cells: a cell may hold several.
_ROWS, _MISSING, _VALUES, _UNKNOWN, _CUT, _LEAST, _MOST = range(7)
_ODD = slice(7, 8 + len(odd_cells.KINDS))


class CellCounts:
    """Counts of a file's cells: missing, out-of-vocabulary, cut and odd ones.

    Args:
        encoding: the encoding of the file's values.

    Attributes:
        array: the counts, float64 ``[columns, fields]``. Columns are dense, then sparse.
        complete: whether all batches of the file are counted.
    """

    def __init__(self, encoding: Encoding):
        self.complete, self._encoding, table = False, encoding, encoding.table
        self.array = np.zeros((len(table.dense_names) + len(table.sparse), width()))
        self.array[:, _LEAST], self.array[:, _MOST] = np.inf, -np.inf

    def add_numbers(self, column: int, numbers: np.ndarray) -> None:
        """Counts a batch of a dense column.

        Args:
            column: the column's number.
            numbers: its numbers ``[n]``, or vectors ``[n, width]``; NaN where they are missing.
        """
        first = numbers if numbers.ndim == 1 else numbers[:, 0]
        counts, valid = self.array[column], numbers[~np.isnan(first)]
        counts[[_ROWS, _MISSING, _VALUES]] += len(numbers), len(numbers) - len(valid), len(valid)
        counts[_LEAST] = min(counts[_LEAST], valid.min(initial=np.inf))
        counts[_MOST] = max(counts[_MOST], valid.max(initial=-np.inf))

    def add_categories(
        self, column: int, categories: pa.Array, rows: np.ndarray, ids: np.ndarray, total: int
    ) -> None:
        """Counts a batch of a sparse column.

        Args:
            column: the column's number among dense and sparse ones.
            categories: the values as texts ``[values]``, null where they are missing.
            rows: the row of each value ``[values]``.
            ids: the id of each value ``[values]``.
            total: the rows of the batch.
        """
        counts = self.array[column]
        sparse = self._encoding.table.sparse[column - len(self._encoding.table.dense_names)]
        valid = categories.is_valid().to_numpy(zero_copy_only=False)
        filled = np.count_nonzero(np.diff(rows[valid], prepend=-1))
        counts[[_ROWS, _MISSING]] += total, total - filled
        values = np.count_nonzero(valid)
        counts[[_VALUES, _UNKNOWN]] += values, values - np.count_nonzero(ids)
        if sparse.separator is not None:
            counts[_CUT] += np.count_nonzero(np.bincount(rows[ids > 0]) > sparse.max_len)
        counts[_ODD] += odd_cells.counts(categories)

    def finish(self, path: str) -> None:
        """Ends the count; raises a ValueError if most cells of a column are odd."""
        self.complete, table = True, self._encoding.table
        for sparse, counts in zip(table.sparse, self.array[len(table.dense_names) :]):
            odd_cells.check(sparse.name, path, counts[_ODD])


def width() -> int:
    """Returns the number of fields of a column."""
    return _ODD.stop


def describe(encoding: Encoding, files: Sequence[np.ndarray]) -> list[dict[str, Any]]:
    """Returns the columns' counts over all files, as the engine's `column_statistics` has them."""
    table, array = encoding.table, np.sum(files, axis=0)
    array[:, _LEAST] = np.min([counts[:, _LEAST] for counts in files], axis=0)
    array[:, _MOST] = np.max([counts[:, _MOST] for counts in files], axis=0)
    return [
        *(_dense(name, counts) for name, counts in zip(table.dense_names, array)),
        *(
            _sparse(encoding, column, counts)
            for column, counts in zip(table.sparse, array[len(table.dense_names) :])
        ),
    ]


def _dense(name: str, counts: np.ndarray) -> dict[str, Any]:
    valued = counts[_VALUES] > 0
    return {
        "column": name,
        "kind": "dense",
        "rows": int(counts[_ROWS]),
        "missing": int(counts[_MISSING]),
        "least": counts[_LEAST] if valued else None,
        "most": counts[_MOST] if valued else None,
    }


def _sparse(encoding: Encoding, column: Sparse, counts: np.ndarray) -> dict[str, Any]:
    buckets = encoding.owner(column).hash_buckets
    ids = {"ids": encoding.size(column) - 1, "hashed": buckets is not None}
    odd = zip(odd_cells.KINDS, counts[_ODD][1:])
    shares = [(kind, number / max(counts[_ODD][0], 1)) for kind, number in odd]
    described = {
        "column": column.name,
        "kind": "sparse" if column.separator is None else "sequence",
        "rows": int(counts[_ROWS]),
        "missing": int(counts[_MISSING]),
        **ids,
        "values": int(counts[_VALUES]),
        "unknown": int(counts[_UNKNOWN]) if buckets is None else None,
        "odd": [odd_cells.describe(kind, share) for kind, share in shares if share >= 0.01],
    }
    if column.separator is not None:
        cut = {"cut": int(counts[_CUT]), "max_len": column.max_len, "keep": column.keep}
        described.update(cut)
    return described
