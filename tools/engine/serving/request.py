"""The body of an inference request: parsed, and checked against what the model takes.

Whatever a client may get wrong is found here, before requests are joined, so that none fails
for another's fault.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from engine.deployment.exported_model.tensors import TensorSpec
from engine.serving.arrays import kind_of, to_array
from engine.serving.protocol import DATATYPES, RequestError, ServedModel, wire_shape
from engine.system.errors import nearest


@dataclass(frozen=True)
class InferRequest:
    """A request that fits the model.

    Attributes:
        id: what the client calls it, or None.
        arrays: the inputs, in the model's order.
        rows: how many rows each has.
        outputs: which of the model's outputs are asked for, in the client's order.
    """

    id: str | None
    arrays: list[np.ndarray]
    rows: int
    outputs: list[int]


def parse(body: bytes, model: ServedModel, max_rows: int) -> InferRequest:
    """Returns the request that a body holds.

    Args:
        body: JSON as the protocol has it; fields that it does not know are passed over.
        model: what it is checked against.
        max_rows: the most rows that a request may have.

    Raises:
        RequestError: what is wrong, where, and what was expected.
    """
    document = _loaded(body)
    if type(document) is not dict:
        raise RequestError(f"the body is {kind_of(document)}, expected an object")
    name = document.get("id")
    if name is not None and type(name) is not str:
        raise RequestError(f"id is {kind_of(name)}, expected a string")
    parameters = document.get("parameters")
    if parameters is not None and type(parameters) is not dict:
        raise RequestError(f"parameters is {kind_of(parameters)}, expected an object")
    outputs = _named(document, "output", model.outputs)
    entries = _named(document, "input", model.inputs)
    for spec in model.inputs:
        if spec.name not in entries:
            raise RequestError(f"input '{spec.name}' is missing")
    shapes = {spec.name: _shape(entries[spec.name], spec) for spec in model.inputs}
    rows = _rows(model, shapes, max_rows)
    arrays = [_array(entries[spec.name], spec, shapes[spec.name]) for spec in model.inputs]
    order = [spec.name for spec in model.outputs]
    return InferRequest(name, arrays, rows, [order.index(name) for name in outputs or order])


def _loaded(body: bytes) -> Any:
    # A body of millions of empty lists has the garbage collector start again and again while it
    # is parsed, which took five times as long as parsing.
    gc.disable()
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError(f"the body is not JSON: {error}") from None
    finally:
        gc.enable()


def _named(document: Mapping, kind: str, specs: list[TensorSpec]) -> dict[str, dict]:
    """Returns the entries of ``inputs`` or ``outputs`` by name."""
    key = f"{kind}s"
    given = document.get(key)
    if given is None and kind == "output":
        return {}
    if type(given) is not list:
        found = "missing" if key not in document else kind_of(given)
        raise RequestError(f"{key} is {found}, expected an array")
    known = [spec.name for spec in specs]
    entries: dict[str, dict] = {}
    for index, entry in enumerate(given):
        if type(entry) is not dict:
            raise RequestError(f"{key}[{index}] is {kind_of(entry)}, expected an object")
        name = entry.get("name")
        if type(name) is not str:
            found = kind_of(name) if "name" in entry else "missing"
            raise RequestError(f"{key}[{index}].name is {found}, expected a string")
        if name not in known:
            raise RequestError(f"the model has no {kind} {_shown(name, known)}")
        if name in entries:
            raise RequestError(f"{kind} '{name}' is given twice")
        entries[name] = entry
    return entries


def _shown(name: str, known: list[str]) -> str:
    if len(name) > 100:
        return f"'{name[:100]}...'"
    return f"'{name}'{nearest(name, known) or ': it has ' + ', '.join(known)}"


def _shape(entry: Mapping[str, Any], spec: TensorSpec) -> list[int]:
    """Returns an input's shape, after a look at its datatype."""
    datatype, expected = entry.get("datatype"), DATATYPES[spec.dtype]
    if datatype != expected:
        found = f"'{datatype[:100]}'" if type(datatype) is str else kind_of(datatype)
        found = found if "datatype" in entry else "missing"
        raise RequestError(f"input '{spec.name}': datatype is {found}, expected {expected}")
    shape = entry.get("shape")
    if type(shape) is not list or not all(type(size) is int for size in shape):
        found = "an array of other things" if type(shape) is list else kind_of(shape)
        found = found if "shape" in entry else "missing"
        wanted = f"an array of {len(spec.shape)} integers"
        raise RequestError(f"input '{spec.name}': shape is {found}, expected {wanted}")
    fits = len(shape) == len(spec.shape) and all(
        size == wanted or (wanted is None and size > 0) for size, wanted in zip(shape, spec.shape)
    )
    if not fits:
        found = shape if len(shape) <= 10 else f"of {len(shape)} sizes"
        note = ", -1 for at least 1" if None in spec.shape else ""
        raise RequestError(
            f"input '{spec.name}': shape is {found}, expected {wire_shape(spec)}{note}"
        )
    return shape


def _rows(model: ServedModel, shapes: Mapping[str, list[int]], max_rows: int) -> int:
    """Returns the number of rows, which all inputs share that take any number."""
    free = [spec.name for spec in model.inputs if spec.shape and spec.shape[0] is None]
    if not free:
        return next((shape[0] for shape in shapes.values() if shape), 1)
    rows = shapes[free[0]][0]
    for name in free:
        if shapes[name][0] != rows:
            raise RequestError(
                f"input '{name}' has {shapes[name][0]} rows, but input '{free[0]}' has {rows}"
            )
    if rows > max_rows:
        raise RequestError(f"input '{free[0]}' has {rows} rows, expected at most {max_rows}")
    return rows


def _array(entry: Mapping[str, Any], spec: TensorSpec, shape: list[int]) -> np.ndarray:
    if "data" not in entry:
        raise RequestError(f"input '{spec.name}': data is missing, expected an array")
    try:
        return to_array(entry["data"], shape, np.dtype(spec.dtype))
    except RequestError as error:
        raise RequestError(f"input '{spec.name}': {error}") from None
