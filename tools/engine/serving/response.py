"""Encodes the answer to an inference request as JSON."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import orjson

from engine.serving.protocol import DATATYPES, ServedModel
from engine.serving.request import InferRequest


def encode(model: ServedModel, request: InferRequest, outputs: Sequence[np.ndarray]) -> bytes:
    """Returns the body of the answer.

    Args:
        model: the model.
        request: the request, which selects the outputs.
        outputs: all outputs of the model, in its order.

    Raises:
        FloatingPointError: an output is NaN or infinite, which JSON cannot express.
    """
    answer = {"model_name": model.name, "model_version": model.version}
    if request.id is not None:
        answer["id"] = request.id
    answer["outputs"] = [_tensor(model, i, outputs[i]) for i in request.outputs]
    return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)


def _tensor(model: ServedModel, number: int, array: np.ndarray) -> dict:
    """Returns an output; one of named classes with their names, beside its probabilities."""
    name = model.outputs[number].name
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise FloatingPointError(f"output '{name}' has NaN or infinite values")
    return {
        "name": name,
        "shape": array.shape,
        "datatype": DATATYPES[array.dtype.name],
        "data": np.ascontiguousarray(array).reshape(-1),
        **model.parameters(name, only_named=True),
    }
