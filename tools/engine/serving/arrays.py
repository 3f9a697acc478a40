"""Converts JSON arrays, flat or nested, to NumPy arrays.

Valid data take a fast path. Invalid data are searched for the first wrong element.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from engine.serving.protocol import DATATYPES, RequestError

_JSON_TYPES = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "an array",
    dict: "an object",
    type(None): "null",
}
# A larger float may have been rounded, so that the request named another integer.
_LARGEST_EXACT = 2**53


def json_type(value: Any) -> str:
    """Returns the JSON type of a value, with an article: ``a number``."""
    return _JSON_TYPES[type(value)]


def to_array(data: Any, shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
    """Returns the ``data`` of a request as an array.

    A float input takes any number and rounds it to the nearest float. An integer input takes
    integers and exact floats such as 3.0. Booleans are not numbers.

    Args:
        data: parsed JSON: a flat list in row-major order, or nested lists.
        shape: the request's shape, of positive sizes.
        dtype: a boolean, integer or float dtype.

    Raises:
        RequestError: the data do not have the shape or the dtype.
    """
    flat = _flatten(data, shape)
    allowed, noun = ({bool}, "true or false") if dtype.kind == "b" else ({int, float}, "a number")
    types = set(map(type, flat))
    if not types <= allowed:
        index = next(i for i, value in enumerate(flat) if type(value) not in allowed)
        position = _position(data, shape, index)
        raise RequestError(f"{position} is {json_type(flat[index])}, expected {noun}")
    if dtype.kind in "iu" and float in types:
        flat = _to_integers(data, shape, flat)
    array = np.empty(len(flat), dtype)
    try:
        # Twice as fast as np.fromiter. NumPy and struct use the same letters for these types.
        struct.pack_into(f"{len(flat)}{dtype.char}", array, 0, *flat)
        fits = dtype.kind != "f" or np.isfinite(array).all()
    except (struct.error, OverflowError):
        fits = False
    if not fits:
        index = next(i for i, value in enumerate(flat) if not _fits(dtype, value))
        limits = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
        raise RequestError(
            f"{_position(data, shape, index)} is {flat[index]}, out of the range of "
            f"{DATATYPES[dtype.name]}: {limits.min} to {limits.max}"
        )
    return array.reshape(shape)


def _flatten(data: Any, shape: Sequence[int]) -> list:
    """Returns the elements in row-major order."""
    if type(data) is not list:
        raise RequestError(f"data is {json_type(data)}, expected an array")
    if shape and data and type(data[0]) is list:
        return _flatten_nested(data, shape)
    if len(data) != math.prod(shape):
        raise RequestError(
            f"data has {len(data)} elements, but shape {list(shape)} has {math.prod(shape)}"
        )
    return data


def _flatten_nested(data: list, shape: Sequence[int]) -> list:
    if len(data) != shape[0]:
        raise RequestError(f"data has {len(data)} rows, but shape {list(shape)} has {shape[0]}")
    level = data
    for axis, size in enumerate(shape[1:], 1):
        if set(map(type, level)) != {list} or set(map(len, level)) != {size}:
            index = next(
                i for i, part in enumerate(level) if type(part) is not list or len(part) != size
            )
            part, position = level[index], _position(data, shape[:axis], index)
            found = f"has {len(part)} elements" if type(part) is list else f"is {json_type(part)}"
            raise RequestError(f"{position} {found}, expected an array of {size}")
        level = list(chain.from_iterable(level))
    return level


def _to_integers(data: list, shape: Sequence[int], flat: list) -> list:
    """Returns numbers as integers; each must be an exact one."""
    for index, value in enumerate(flat):
        if type(value) is float and not (value.is_integer() and abs(value) <= _LARGEST_EXACT):
            position = _position(data, shape, index)
            raise RequestError(f"{position} is {value}, expected an exact integer")
    return list(map(int, flat))


def _fits(dtype: np.dtype, value: float) -> bool:
    """Returns whether a value is in the range of a dtype."""
    try:
        packed = struct.pack(dtype.char, value)
    except (struct.error, OverflowError):
        return False
    return math.isfinite(struct.unpack(dtype.char, packed)[0])


def _position(data: list, shape: Sequence[int], index: int) -> str:
    """Returns the position of an element in the request, such as ``data[1][0]``."""
    if type(data[0]) is not list or not shape:
        return f"data[{index}]"
    return "data" + "".join(f"[{i}]" for i in np.unravel_index(index, shape))
