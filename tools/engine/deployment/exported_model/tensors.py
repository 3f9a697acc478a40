"""Inputs and outputs of an exported model: what they are, and whether a batch fits."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.system.errors import UserError


@dataclass(frozen=True)
class TensorSpec:
    """An input or output: its name, its shape (None for the batch) and its NumPy dtype."""

    name: str
    shape: tuple
    dtype: str


def fit(inputs: Sequence[TensorSpec], columns: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Returns the leading columns of a reader's batch as a model's inputs.

    Args:
        inputs: the model's inputs.
        columns: one array a field, ``[n, ...]``; fields after the inputs are labels.

    Raises:
        UserError: they do not fit.
    """
    if len(columns) < len(inputs):
        names = ", ".join(spec.name for spec in inputs)
        raise UserError(
            f"the reader yields {len(columns)} fields a row, the model takes {len(inputs)}: {names}"
        )
    return [_fitted(spec, column) for spec, column in zip(inputs, columns)]


def _fitted(spec: TensorSpec, column: np.ndarray) -> np.ndarray:
    wanted, found = spec.shape[1:], column.shape[1:]
    if len(wanted) != len(found) or any(w not in (None, f) for w, f in zip(wanted, found)):
        raise UserError(
            f"input {spec.name}: the model takes {list(wanted)} numbers a row, "
            f"the reader yields {list(found)}"
        )
    fractions = np.issubdtype(column.dtype, np.floating)
    if column.dtype.kind not in "biuf" or (
        fractions and not np.issubdtype(spec.dtype, np.floating)
    ):
        raise UserError(
            f"input {spec.name}: the model takes {spec.dtype}, the reader yields {column.dtype}"
        )
    return np.ascontiguousarray(column, dtype=spec.dtype)
