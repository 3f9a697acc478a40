"""Converts columns of a record batch into labels and weights, as 32 bits a cell."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from datasets.readers.labels.label import MISSING, Label, check_counts, check_weights
from datasets.readers.table.arrow import pa
from datasets.readers.table.cells import values

_WRONG = -1  # neither a class nor `MISSING`


def labels(column: pa.Array, label: Label, missing: Sequence[str]) -> np.ndarray:
    """Returns the labels of cells, ``[n]`` int32: classes, or the bits of float32 numbers.

    Args:
        column: the cells.
        label: what the task declares about them.
        missing: texts that mean a missing label.

    Raises:
        CellError: a cell is not a label of the task.
    """
    if label.is_number:
        numbers = values.numbers(column, missing)
        if label.missing is not None:
            numbers = np.where(numbers == label.missing, np.nan, numbers)
        if label.kind == "count":
            check_counts(numbers)
        return _bits(numbers)
    cells = values.texts(column, missing).dictionary_encode()
    classes = [label.of_text(text) for text in cells.dictionary.to_pylist()]
    known = [_WRONG if place is None else place for place in classes]
    found = np.array([*known, MISSING], np.int32)[values.indices(cells)]
    if (found == _WRONG).any():
        row = int(np.argmax(found == _WRONG))
        raise label.error(row, values.quoted(cells[row].as_py()))
    return found


def weights(column: pa.Array, missing: Sequence[str]) -> np.ndarray:
    """Returns the bits of weights, ``[n]`` int32; see `labels`.

    Raises:
        CellError: a weight is missing, negative or no number.
    """
    numbers = values.numbers(column, missing)
    check_weights(numbers)
    return _bits(numbers)


def absent(label: Label, rows: int) -> np.ndarray:
    """Returns the labels of rows in a file without the label's column, like `labels`."""
    return _bits(np.full(rows, np.nan)) if label.is_number else np.full(rows, MISSING, np.int32)


def unweighted(rows: int) -> np.ndarray:
    """Returns the weights of rows in a file without their column: 1, like `weights`."""
    return _bits(np.ones(rows))


def class_names(column: pa.Array, label: Label, missing: Sequence[str]) -> set[str]:
    """Returns the distinct texts of cells with a label, from which classes are learned."""
    cells = values.categories(column, missing, 2)
    return {text for text in values.distinct(cells)[0] if not label.is_missing(text)}


def _bits(numbers: np.ndarray) -> np.ndarray:
    return numbers.astype(np.float32).view(np.int32)
