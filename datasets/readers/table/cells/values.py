"""Converts columns of a record batch into numbers and texts.

Each function takes one column of one batch. An invalid cell raises a `CellError`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from datasets.readers.labels.label import CellError, as_number
from datasets.readers.table.arrow import pa, pc
from datasets.readers.table.cells import printed_lists, weights
from datasets.readers.table.columns import KEY


def categories(column: pa.Array, missing: Sequence[str], cell_rules: int) -> pa.Array:
    """Returns cells as texts like `texts`; integers lose the ``.0`` that floats are written with.

    pandas writes a CSV's integers as ``7.0`` if one of them is missing. Training, evaluation and
    prediction must give such cells one id, so all of them call this function.

    Args:
        column: the cells.
        missing: texts that mean a missing cell.
        cell_rules: see `Table`.
    """
    column = texts(column, missing)
    # Most columns have no such cell, and the pattern takes ten times as long.
    if cell_rules > 1 and pc.any(pc.ends_with(column, ".0")).as_py():
        column = pc.replace_substring_regex(column, r"^([+-]?[0-9]+)\.0$", r"\1")
    return column


def texts(column: pa.Array, missing: Sequence[str]) -> pa.Array:
    """Returns cells as texts without leading and trailing space; null where they are missing.

    Integers are written without a fraction, also if they are stored as floating-point numbers:
    a column of integers is often stored so if some are missing.
    """
    if isinstance(column, pa.DictionaryArray):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_null(kind):
        return column.cast(pa.string())
    if pa.types.is_nested(kind):
        raise CellError(0, f"expected one value a cell, found {kind} (set separator for lists)")
    if pa.types.is_floating(kind):
        column = _float_texts(column.cast(pa.float64()))
    if not pa.types.is_string(column.type):
        try:
            column = column.cast(pa.string())
        except pa.ArrowInvalid as error:
            raise CellError(0, f"expected text, found {kind}") from error
    column = pc.utf8_trim_whitespace(column)
    absent = pc.is_in(column, value_set=pa.array(["", *missing], pa.string()))
    return pc.if_else(absent, pa.scalar(None, pa.string()), column)


def _float_texts(numbers: pa.Array) -> pa.Array:
    """Returns floating-point numbers as texts; null for NaN."""
    plain = numbers.to_numpy(zero_copy_only=False)
    with np.errstate(invalid="ignore"):
        integral = (plain == np.floor(plain)) & (np.abs(plain) < 2**53)
    integers = pa.array(np.where(integral, plain, 0.0).astype(np.int64)).cast(pa.string())
    texts = pc.if_else(pa.array(integral), integers, numbers.cast(pa.string()))
    return pc.if_else(pa.array(np.isnan(plain)), pa.scalar(None, pa.string()), texts)


def numbers(column: pa.Array, missing: Sequence[str]) -> np.ndarray:
    """Returns numbers ``[n]``, float64, with NaN where they are missing.

    Raises:
        CellError: a cell is not a number, or is outside the range of float32.
    """
    if isinstance(column, pa.DictionaryArray):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_integer(kind) or pa.types.is_floating(kind) or pa.types.is_boolean(kind):
        values = column.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)
        missing_numbers = [number for text in missing if np.isfinite(number := as_number(text))]
        if missing_numbers:
            values = np.where(np.isin(values, missing_numbers), np.nan, values)
    else:
        values = _parse(texts(column, missing))
    with np.errstate(over="ignore"):
        invalid = np.isinf(values.astype(np.float32))
    if invalid.any():
        raise _no_number(column, np.argmax(invalid))
    return values


def _parse(column: pa.Array) -> np.ndarray:
    try:
        values = column.cast(pa.float64()).to_numpy(zero_copy_only=False)
    except pa.ArrowInvalid:  # PyArrow does not name the row, and does not read +1
        values = np.array(
            [np.nan if text is None else as_number(text) for text in column.to_pylist()]
        )
    invalid = np.isnan(values) & column.is_valid().to_numpy(zero_copy_only=False)
    if invalid.any():
        raise _no_number(column, np.argmax(invalid))
    return values


def _no_number(column: pa.Array, row: int) -> CellError:
    found = column[int(row)].as_py()
    hint = f" (if it means a missing value, add it to {KEY}.missing)"
    expected = f"expected a number, found {quoted(found)}"
    return CellError(row, expected + hint if isinstance(found, str) else expected)


def lists(
    column: pa.Array, separator: str, missing: Sequence[str], cell_rules: int, weighted: bool
) -> tuple[pa.Array, np.ndarray, np.ndarray | None]:
    """Returns the values of all cells in order, as texts, their rows, and their weights.

    Args:
        column: cells with separated values, or with lists; lists may also be printed as text.
        separator: the text between two values.
        missing: texts that mean a missing cell or value.
        cell_rules: see `Table`.
        weighted: whether values may have weights. Without, the weights are None.
    """
    if isinstance(column, pa.DictionaryArray):
        column = column.dictionary_decode()
    kind = column.type
    if weighted and pa.types.is_map(kind):
        column = weights.pairs_of(column)
    elif pa.types.is_fixed_size_list(kind):
        column = column.cast(pa.list_(kind.value_type))
    elif not (pa.types.is_list(kind) or pa.types.is_large_list(kind)):
        cells = texts(column, missing)
        column = pc.split_pattern(cells, separator)
        if cell_rules > 1:
            column = printed_lists.parsed(cells, column)
    lengths = pc.fill_null(pc.list_value_length(column), 0).to_numpy(zero_copy_only=False)
    rows, cells, own = np.repeat(np.arange(len(column)), lengths), column.flatten(), None
    if weighted:
        cells, own = weights.divided(cells, rows)
    return categories(cells, missing, cell_rules), rows, own


def distinct(column: pa.Array) -> tuple[list[str], np.ndarray]:
    """Returns the distinct texts and each cell's index in them ``[n]``; -1 where it is null."""
    encoded = column.dictionary_encode()
    return encoded.dictionary.to_pylist(), indices(encoded)


def indices(encoded: pa.DictionaryArray) -> np.ndarray:
    """Returns each cell's index in the dictionary ``[n]``; -1 where it is null."""
    return pc.fill_null(encoded.indices, -1).to_numpy(zero_copy_only=False)


def quoted(value: Any) -> str:
    """Returns a cell as an error shows it."""
    if value is None:
        return "nothing"
    return repr(value if len(repr(value)) <= 40 else str(value)[:40])
