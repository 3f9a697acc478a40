"""Rows become one batch, by the rules of Paddle's DataLoader."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

Columns = list  # one array a field, all of the same length


def collate(rows: list) -> Any:
    """Returns rows as one batch, by the rules of Paddle's DataLoader.

    Numbers and arrays are stacked. A list in a row is a list in the batch, so a field that is a
    list of three numbers becomes three arrays.
    """
    if rows and not isinstance(rows[0], (list, tuple, Mapping)):
        rows = [[row] for row in rows]
    return _joined(rows) if rows else []


def _joined(parts: list) -> Any:
    first = parts[0]
    if isinstance(first, Mapping):
        return {name: _joined([part[name] for part in parts]) for name in first}
    if isinstance(first, (list, tuple)):
        sizes = {len(part) for part in parts}
        if len(sizes) > 1:
            raise ValueError(f"rows of {min(sizes)} and of {max(sizes)} fields in one batch")
        return [_joined(list(fields)) for fields in zip(*parts)]
    if isinstance(first, (str, bytes)):
        return list(parts)
    return _numeric(np.stack([np.asarray(part) for part in parts]))


def as_arrays(batch: Any) -> Any:
    """Returns a batch that a reader made, its fields arrays."""
    if isinstance(batch, Mapping):
        return {name: _numeric(np.asarray(field)) for name, field in batch.items()}
    if isinstance(batch, (list, tuple)):
        return [_numeric(np.asarray(field)) for field in batch]
    return [_numeric(np.asarray(batch))]


def _numeric(array: np.ndarray) -> np.ndarray:
    if array.dtype == object:
        raise ValueError("a field of unlike lengths: pad its lists to one length")
    return array


def batch_rows(batch: Any) -> int:
    """Returns the rows of a batch: the length of its first array."""
    while isinstance(batch, (list, tuple, Mapping)):
        batch = next(iter(batch.values())) if isinstance(batch, Mapping) else batch[0]
    shape = getattr(batch, "shape", ())
    return shape[0] if len(shape) else 1


def arrays_to(convert: Any, batch: Any) -> Any:
    """Returns a batch with ``convert`` applied to each of its arrays."""
    if isinstance(batch, Mapping):
        return {name: arrays_to(convert, field) for name, field in batch.items()}
    if isinstance(batch, (list, tuple)):
        return [arrays_to(convert, field) for field in batch]
    return convert(batch) if isinstance(batch, np.ndarray) else batch
