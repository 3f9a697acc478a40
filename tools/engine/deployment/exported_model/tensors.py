"""Inputs and outputs of an exported model, and the conversion of a reader's batch to its inputs."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.system.errors import UserError


@dataclass(frozen=True)
class TensorSpec:
    """One input or output of a model.

    Attributes:
        name: its name.
        shape: its sizes; None for a size that may vary, such as the batch.
        dtype: the name of its NumPy dtype.
    """

    name: str
    shape: tuple
    dtype: str


def prepare_inputs(specs: Sequence[TensorSpec], columns: Sequence[np.ndarray]) -> list[np.ndarray]:
    """Returns the first columns of a reader's batch as contiguous arrays of the inputs' dtypes.

    Args:
        specs: the model's inputs.
        columns: one array ``[batch, ...]`` per field; fields after the inputs are labels.

    Raises:
        UserError: there are too few columns, or a column has another shape or kind of dtype.
    """
    if len(columns) < len(specs):
        names = ", ".join(spec.name for spec in specs)
        raise UserError(
            f"the reader yields {len(columns)} fields per row, "
            f"expected at least the model's {len(specs)} inputs: {names}"
        )
    return [_convert(spec, column) for spec, column in zip(specs, columns)]


def _convert(spec: TensorSpec, column: np.ndarray) -> np.ndarray:
    expected, found = spec.shape[1:], column.shape[1:]
    if len(expected) != len(found) or any(
        size not in (None, actual) for size, actual in zip(expected, found)
    ):
        raise UserError(
            f"input {spec.name}: expected shape {list(expected)} per row, "
            f"the reader yields {list(found)}"
        )
    numeric = column.dtype.kind in "biuf"
    loses_fractions = column.dtype.kind == "f" and not np.issubdtype(spec.dtype, np.floating)
    if not numeric or loses_fractions:
        raise UserError(
            f"input {spec.name}: expected {spec.dtype}, the reader yields {column.dtype}"
        )
    return np.ascontiguousarray(column, dtype=spec.dtype)
