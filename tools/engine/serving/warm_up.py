"""Runs a model before the first request, and finds out whether requests can be joined."""

from __future__ import annotations

import logging
from collections.abc import Sequence

import numpy as np

from engine.deployment.exported_model.tensors import TensorSpec
from engine.serving.batcher import Run
from engine.serving.protocol import ServedModel

logger = logging.getLogger(__name__)


def warm_up(model: ServedModel, run: Run) -> bool:
    """Runs the model on zeros; returns whether the rows of several requests can be joined.

    They can if each output has as many rows as the inputs. The metadata do not guarantee that. A
    model that fails on zeros is served all the same, with a warning, because real rows may work.
    """
    for rows in (1, 2) if model.takes_rows else (1,):
        try:
            outputs = run(zeros(model.inputs, rows))
        except Exception:
            logger.warning("the model failed on %d rows of zeros", rows, exc_info=True)
            return False
        if any(output.shape[:1] != (rows,) for output in outputs):
            return False
    return model.takes_rows


def zeros(inputs: Sequence[TensorSpec], rows: int) -> list[np.ndarray]:
    """Returns inputs with that many rows of zeros; other sizes that may vary are 1."""
    return [np.zeros(concrete_shape(spec, rows), spec.dtype) for spec in inputs]


def concrete_shape(spec: TensorSpec, rows: int) -> list[int]:
    """Returns a tensor's shape with that many rows; other sizes that may vary are 1."""
    defaults = [rows, *[1] * len(spec.shape)]
    return [defaults[axis] if size is None else size for axis, size in enumerate(spec.shape)]
