"""The first runs of a model, before anybody waits for one."""

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

    They can if each output has as many rows as went in, which metadata do not promise. A model
    that fails on zeros may still be right on what it is sent: that is a warning.
    """
    for rows in (1, 2) if model.takes_rows else (1,):
        try:
            outputs = run(zeros(model.inputs, rows))
        except Exception:
            logger.warning("the model fails on %d rows of zeros", rows, exc_info=True)
            return False
        if any(output.shape[:1] != (rows,) for output in outputs):
            return False
    return model.takes_rows


def zeros(inputs: Sequence[TensorSpec], rows: int) -> list[np.ndarray]:
    """Returns inputs of some rows; other sizes that may vary are 1."""
    return [np.zeros(sizes(spec, rows), spec.dtype) for spec in inputs]


def sizes(spec: TensorSpec, rows: int) -> list[int]:
    """Returns a shape of some rows; other sizes that may vary are 1."""
    free = [rows, *[1] * len(spec.shape)]
    return [free[axis] if size is None else size for axis, size in enumerate(spec.shape)]
