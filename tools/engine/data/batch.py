"""Joins rows to a batch by the rules of Paddle's DataLoader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

Columns = list  # one array a field, all with the same number of rows


def collate(rows: list) -> Any:
    """Joins rows to a batch by the rules of Paddle's DataLoader.

    Numbers and arrays are stacked. A list in a row becomes a list in the batch, so a field of
    three listed numbers becomes three arrays.

    Raises:
        ValueError: the rows differ in their number of fields, or in a field's shape.
    """
    if rows and not isinstance(rows[0], (list, tuple, Mapping)):
        rows = [[row] for row in rows]
    return _join(rows) if rows else []


def _join(parts: list) -> Any:
    first = parts[0]
    if isinstance(first, Mapping):
        return {name: _join([part[name] for part in parts]) for name in first}
    if isinstance(first, (list, tuple)):
        sizes = {len(part) for part in parts}
        if len(sizes) > 1:
            found = f"{min(sizes)} and {max(sizes)} fields"
            raise ValueError(f"rows of one batch have {found}; expected the same number")
        return [_join(list(fields)) for fields in zip(*parts)]
    if isinstance(first, (str, bytes)):
        return list(parts)
    return _check_dtype(np.stack([np.asarray(part) for part in parts]))


def as_arrays(batch: Any) -> Any:
    """Returns a reader's batch with its fields as arrays.

    Raises:
        ValueError: a field has lists of different lengths.
    """
    if isinstance(batch, Mapping):
        return {name: _check_dtype(np.asarray(field)) for name, field in batch.items()}
    if isinstance(batch, (list, tuple)):
        return [_check_dtype(np.asarray(field)) for field in batch]
    return [_check_dtype(np.asarray(batch))]


def _check_dtype(array: np.ndarray) -> np.ndarray:
    if array.dtype == object:
        raise ValueError("a field has different lengths in a batch: pad its lists to one length")
    return array


def batch_rows(batch: Any) -> int:
    """Returns the number of rows in a batch: the length of its first array."""
    while isinstance(batch, (list, tuple, Mapping)):
        batch = next(iter(batch.values())) if isinstance(batch, Mapping) else batch[0]
    shape = getattr(batch, "shape", ())
    return shape[0] if len(shape) else 1


def map_arrays(convert: Any, batch: Any) -> Any:
    """Returns a batch with ``convert`` applied to each of its arrays."""
    if isinstance(batch, Mapping):
        return {name: map_arrays(convert, field) for name, field in batch.items()}
    if isinstance(batch, (list, tuple)):
        return [map_arrays(convert, field) for field in batch]
    return convert(batch) if isinstance(batch, np.ndarray) else batch
