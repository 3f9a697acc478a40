"""Parses the body of an inference request and checks it against the model's inputs.

Every mistake of a client is found here, before requests are joined. So an invalid request never
makes another one fail.
"""

from __future__ import annotations

import gc
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
import orjson

from engine.deployment.exported_model.tensors import TensorSpec
from engine.serving.arrays import json_type, to_array
from engine.serving.protocol import DATATYPES, RequestError, ServedModel, protocol_shape
from engine.system.errors import nearest


@dataclass(frozen=True)
class InferRequest:
    """A request that fits the model.

    Attributes:
        id: the client's id of the request, or None.
        arrays: the inputs, in the model's order.
        rows: the number of rows.
        outputs: indices of the requested outputs, in the client's order.
    """

    id: str | None
    arrays: list[np.ndarray]
    rows: int
    outputs: list[int]


def parse(body: bytes, model: ServedModel, max_rows: int) -> InferRequest:
    """Returns the request in a body.

    Args:
        body: JSON in the protocol's form; unknown fields are ignored.
        model: the model that the request is for.
        max_rows: the most rows in a request.

    Raises:
        RequestError: the request is invalid.
    """
    document = _parse_json(body)
    if type(document) is not dict:
        raise RequestError(f"the body is {json_type(document)}, expected an object")
    request_id = document.get("id")
    if request_id is not None and type(request_id) is not str:
        raise RequestError(f"id is {json_type(request_id)}, expected a string")
    parameters = document.get("parameters")
    if parameters is not None and type(parameters) is not dict:
        raise RequestError(f"parameters is {json_type(parameters)}, expected an object")
    outputs = _entries_by_name(document, "output", model.outputs)
    entries = _entries_by_name(document, "input", model.inputs)
    for spec in model.inputs:
        if spec.name not in entries:
            raise RequestError(f"input '{spec.name}' is missing")
    shapes = {spec.name: _shape(entries[spec.name], spec) for spec in model.inputs}
    rows = _rows(model, shapes, max_rows)
    arrays = [_array(entries[spec.name], spec, shapes[spec.name]) for spec in model.inputs]
    order = [spec.name for spec in model.outputs]
    return InferRequest(request_id, arrays, rows, [order.index(n) for n in outputs or order])


def _parse_json(body: bytes) -> Any:
    # A body of millions of empty lists would trigger the garbage collector again and again, which
    # took five times as long as the parsing itself.
    gc.disable()
    try:
        return orjson.loads(body)
    except orjson.JSONDecodeError as error:
        raise RequestError(f"the body is not JSON: {error}") from None
    finally:
        gc.enable()


def _entries_by_name(document: Mapping, kind: str, specs: list[TensorSpec]) -> dict[str, dict]:
    """Returns the entries of ``inputs`` or ``outputs`` (``kind`` and an s) by tensor name."""
    key = f"{kind}s"
    items = document.get(key)
    if items is None and kind == "output":
        return {}
    if type(items) is not list:
        found = "missing" if key not in document else json_type(items)
        raise RequestError(f"{key} is {found}, expected an array")
    known = [spec.name for spec in specs]
    entries: dict[str, dict] = {}
    for index, entry in enumerate(items):
        if type(entry) is not dict:
            raise RequestError(f"{key}[{index}] is {json_type(entry)}, expected an object")
        name = entry.get("name")
        if type(name) is not str:
            found = json_type(name) if "name" in entry else "missing"
            raise RequestError(f"{key}[{index}].name is {found}, expected a string")
        if name not in known:
            raise RequestError(f"the model has no {kind} {_describe_name(name, known)}")
        if name in entries:
            raise RequestError(f"{kind} '{name}' is listed twice")
        entries[name] = entry
    return entries


def _describe_name(name: str, known: list[str]) -> str:
    """Returns an unknown name in quotes, shortened, with a suggestion."""
    if len(name) > 100:
        return f"'{name[:100]}...'"
    return f"'{name}'{nearest(name, known) or ': expected one of ' + ', '.join(known)}"


def _shape(entry: Mapping[str, Any], spec: TensorSpec) -> list[int]:
    """Checks an input's datatype and shape, and returns the shape."""
    datatype, expected = entry.get("datatype"), DATATYPES[spec.dtype]
    if datatype != expected:
        found = f"'{datatype[:100]}'" if type(datatype) is str else json_type(datatype)
        found = found if "datatype" in entry else "missing"
        raise RequestError(f"input '{spec.name}': datatype is {found}, expected {expected}")
    shape = entry.get("shape")
    if type(shape) is not list or not all(type(size) is int for size in shape):
        found = "an array with other types" if type(shape) is list else json_type(shape)
        found = found if "shape" in entry else "missing"
        form = f"an array of {len(spec.shape)} integers"
        raise RequestError(f"input '{spec.name}': shape is {found}, expected {form}")
    fits = len(shape) == len(spec.shape) and all(
        size == fixed or (fixed is None and size > 0) for size, fixed in zip(shape, spec.shape)
    )
    if not fits:
        found = shape if len(shape) <= 10 else f"of {len(shape)} sizes"
        note = " (-1: any size of at least 1)" if None in spec.shape else ""
        raise RequestError(
            f"input '{spec.name}': shape is {found}, expected {protocol_shape(spec)}{note}"
        )
    return shape


def _rows(model: ServedModel, shapes: Mapping[str, list[int]], max_rows: int) -> int:
    """Returns the number of rows; it must be the same for all inputs whose batch size varies."""
    variable = [spec.name for spec in model.inputs if spec.shape and spec.shape[0] is None]
    if not variable:
        return next((shape[0] for shape in shapes.values() if shape), 1)
    rows = shapes[variable[0]][0]
    for name in variable:
        if shapes[name][0] != rows:
            raise RequestError(
                f"input '{name}' has {shapes[name][0]} rows, but input '{variable[0]}' has {rows}"
            )
    if rows > max_rows:
        raise RequestError(f"input '{variable[0]}' has {rows} rows, expected at most {max_rows}")
    return rows


def _array(entry: Mapping[str, Any], spec: TensorSpec, shape: list[int]) -> np.ndarray:
    if "data" not in entry:
        raise RequestError(f"input '{spec.name}': data is missing, expected an array")
    try:
        return to_array(entry["data"], shape, np.dtype(spec.dtype))
    except RequestError as error:
        raise RequestError(f"input '{spec.name}': {error}") from None
