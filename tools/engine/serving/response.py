"""The answer to an inference request, as JSON."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import orjson

from engine.serving.protocol import DATATYPES, ServedModel
from engine.serving.request import InferRequest


def encode(model: ServedModel, asked: InferRequest, outputs: Sequence[np.ndarray]) -> bytes:
    """Returns the body of the answer.

    Args:
        model: the model.
        asked: the request; it says which outputs it wants.
        outputs: all outputs, in the model's order.

    Raises:
        FloatingPointError: an output is not a number, for which JSON has no word.
    """
    answer = {"model_name": model.name, "model_version": model.version}
    if asked.id is not None:
        answer["id"] = asked.id
    answer["outputs"] = [_tensor(model.outputs[i].name, outputs[i]) for i in asked.outputs]
    return orjson.dumps(answer, option=orjson.OPT_SERIALIZE_NUMPY)


def _tensor(name: str, array: np.ndarray) -> dict:
    if array.dtype.kind == "f" and not np.isfinite(array).all():
        raise FloatingPointError(f"output '{name}' has values that are not finite")
    return {
        "name": name,
        "shape": array.shape,
        "datatype": DATATYPES[array.dtype.name],
        "data": np.ascontiguousarray(array).reshape(-1),
    }
