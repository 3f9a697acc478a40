"""Compares the outputs of an exported model with those of the trained net."""

from __future__ import annotations

import logging
import os
from collections.abc import Sequence
from typing import Any

import numpy as np
import paddle

from engine.config.config import Config
from engine.data import sources
from engine.deployment.exported_model import tensors
from engine.deployment.exported_model.model import ExportedModel
from engine.deployment.exported_model.tensors import TensorSpec
from engine.deployment.predictors import opening
from engine.deployment.predictors.predictor import Options
from engine.system.errors import UserError

logger = logging.getLogger(__name__)

TOLERANCE = 1e-5  # the largest difference that is accepted; see `difference`
_ROWS = 64


def check_outputs(net: Any, specs: Sequence, model: ExportedModel, config: Config) -> float:
    """Runs an exported model and the trained net on the same rows.

    Args:
        net: the trained net, in evaluation mode.
        specs: the net's ``input_specs``, nested as its ``forward`` takes them.
        model: the exported model.
        config: the configuration; its training data give the rows.

    Returns:
        The largest `difference` between the two.

    Raises:
        UserError: an output differs by more than `TOLERANCE`.
    """
    predictor = opening.open_predictor(model, Options())
    arrays = _sample_inputs(config, predictor.inputs)
    inputs = [paddle.to_tensor(array) for array in arrays]
    with paddle.no_grad():
        expected = paddle.utils.flatten(net(*paddle.utils.pack_sequence_as(specs, inputs)))
    largest = 0.0
    for spec, tensor, array in zip(model.outputs, expected, predictor.run(arrays)):
        found = difference(array, tensor.numpy())
        if not found <= TOLERANCE:  # also if it is NaN
            raise UserError(
                f"{os.path.basename(model.graph)}: output {spec.name} differs from the net by "
                f"{found:.1e}, expected at most {TOLERANCE:.0e}; nothing was exported"
            )
        largest = max(largest, found)
    return largest


def difference(found: np.ndarray, expected: np.ndarray) -> float:
    """Returns the largest difference of an output from the expected one.

    It is absolute up to 1, as for probabilities, and relative above: a task may predict seconds
    or money, and float32 has seven digits.
    """
    expected = expected.astype(np.float64)
    return float((np.abs(found - expected) / np.maximum(np.abs(expected), 1)).max())


def _sample_inputs(config: Config, specs: Sequence[TensorSpec]) -> list[np.ndarray]:
    """Returns the inputs of some training rows, or random inputs if there are no such rows."""
    try:
        columns = next(sources.training_source(config).blocks())
    except UserError as error:
        logger.warning("checking the export on random rows, not on training rows: %s", error)
        random = np.random.default_rng(0)
        shapes = [(_ROWS, *(size or 1 for size in spec.shape[1:])) for spec in specs]
        # 0 and 1 are ids in every embedding table.
        columns = [random.integers(0, 2, shape) for shape in shapes]
    return tensors.prepare_inputs(specs, [column[:_ROWS] for column in columns])
