"""Reads cells that hold a fixed number of numbers."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from datasets.readers.table.arrow import pa, pc
from datasets.readers.table.cells import values

_BETWEEN = r"[\s,;|]+"  # numbers in text
_AROUND = " \t\r\n[](){}"


def vectors(column: pa.Array, size: int, missing: Sequence[str]) -> np.ndarray:
    """Returns the numbers of cells ``[n, size]``, float64; rows of missing cells are NaN.

    Args:
        column: lists of numbers, or texts such as ``0.1 0.2`` and ``[0.1, 0.2]``.
        size: how many numbers a cell holds.
        missing: texts that mean a missing cell.

    Raises:
        CellError: a cell holds another number of values, or one of them is no number.
    """
    if isinstance(column, pa.DictionaryArray):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_fixed_size_list(kind):
        column = column.cast(pa.list_(kind.value_type))
    elif not (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        texts = pc.utf8_trim(values.texts(column, missing), _AROUND)
        column = pc.split_pattern_regex(texts, _BETWEEN)
    lengths = pc.list_value_length(column)
    lengths = pc.fill_null(lengths, -1).to_numpy(zero_copy_only=False)
    for row in np.flatnonzero((lengths >= 0) & (lengths != size))[:1]:
        raise values.CellError(row, f"expected {size} numbers, found {lengths[row]}")
    rows = np.flatnonzero(lengths >= 0)
    flat = column.flatten()
    try:
        numbers = values.numbers(flat, ())
        wrong = np.flatnonzero(np.isnan(numbers))
    except values.CellError as error:
        wrong = np.array([error.row])
    for place in wrong[:1]:
        found = values.quoted(flat[int(place)].as_py())
        message = f"expected {size} numbers, found {found} among them"
        raise values.CellError(rows[place // size], message)
    found = np.full((len(lengths), size), np.nan)
    found[rows] = numbers.reshape(-1, size)
    return found
