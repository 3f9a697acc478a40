"""JSON arrays, flat or nested, into NumPy arrays: quickly where right, exactly where wrong."""

from __future__ import annotations

import math
import struct
from collections.abc import Sequence
from itertools import chain
from typing import Any

import numpy as np

from engine.serving.protocol import DATATYPES, RequestError

_KINDS = {
    bool: "a boolean",
    int: "a number",
    float: "a number",
    str: "a string",
    list: "an array",
    dict: "an object",
    type(None): "null",
}
# Beyond it a float may have been another integer in the text of the request.
_EXACT = 2**53


def kind_of(value: Any) -> str:
    """Returns what a JSON value is, in words."""
    return _KINDS[type(value)]


def to_array(data: Any, shape: Sequence[int], dtype: np.dtype) -> np.ndarray:
    """Returns the array that a request's ``data`` stands for.

    A number of either form may be given for a float, which is rounded to the nearest; for an
    integer a number such as 3.0 may, but none that would lose something. Booleans are not numbers.

    Args:
        data: what JSON held: a flat list in row-major order, or lists nested as the shape is.
        shape: the request's shape, of positive sizes.
        dtype: a boolean, integer or float type.

    Raises:
        RequestError: data are not of the shape or the type.
    """
    flat = _flatten(data, shape)
    wanted, noun = ({bool}, "true or false") if dtype.kind == "b" else ({int, float}, "a number")
    kinds = set(map(type, flat))
    if not kinds <= wanted:
        index = next(i for i, value in enumerate(flat) if type(value) not in wanted)
        where = _where(data, shape, index)
        raise RequestError(f"{where} is {kind_of(flat[index])}, expected {noun}")
    if dtype.kind in "iu" and float in kinds:
        flat = _integers(data, shape, flat)
    array = np.empty(len(flat), dtype)
    try:
        # Half the time of np.fromiter. NumPy's letters for these types are those of struct.
        struct.pack_into(f"{len(flat)}{dtype.char}", array, 0, *flat)
        fits = dtype.kind != "f" or np.isfinite(array).all()
    except (struct.error, OverflowError):
        fits = False
    if not fits:
        index = next(i for i, value in enumerate(flat) if not _holds(dtype, value))
        limits = np.finfo(dtype) if dtype.kind == "f" else np.iinfo(dtype)
        raise RequestError(
            f"{_where(data, shape, index)} is {flat[index]}, out of the range of "
            f"{DATATYPES[dtype.name]}: {limits.min} to {limits.max}"
        )
    return array.reshape(shape)


def _flatten(data: Any, shape: Sequence[int]) -> list:
    """Returns the elements in row-major order."""
    if type(data) is not list:
        raise RequestError(f"data is {kind_of(data)}, expected an array")
    if shape and data and type(data[0]) is list:
        return _flatten_nested(data, shape)
    if len(data) != math.prod(shape):
        raise RequestError(
            f"data has {len(data)} elements, shape {list(shape)} has {math.prod(shape)}"
        )
    return data


def _flatten_nested(data: list, shape: Sequence[int]) -> list:
    if len(data) != shape[0]:
        raise RequestError(f"data has {len(data)} rows, shape {list(shape)} has {shape[0]}")
    level = data
    for axis, size in enumerate(shape[1:], 1):
        if set(map(type, level)) != {list} or set(map(len, level)) != {size}:
            index = next(
                i for i, part in enumerate(level) if type(part) is not list or len(part) != size
            )
            part, where = level[index], _where(data, shape[:axis], index)
            found = f"has {len(part)} elements" if type(part) is list else f"is {kind_of(part)}"
            raise RequestError(f"{where} {found}, expected an array of {size}")
        level = list(chain.from_iterable(level))
    return level


def _integers(data: list, shape: Sequence[int], flat: list) -> list:
    """Returns numbers as the integers that they are."""
    for index, value in enumerate(flat):
        if type(value) is float and not (value.is_integer() and abs(value) <= _EXACT):
            where = _where(data, shape, index)
            raise RequestError(f"{where} is {value}, expected an exact integer")
    return list(map(int, flat))


def _holds(dtype: np.dtype, value: float) -> bool:
    try:
        packed = struct.pack(dtype.char, value)
    except (struct.error, OverflowError):
        return False
    return math.isfinite(struct.unpack(dtype.char, packed)[0])


def _where(data: list, shape: Sequence[int], index: int) -> str:
    """Returns how a client would write the place of an element."""
    if type(data[0]) is not list or not shape:
        return f"data[{index}]"
    return "data" + "".join(f"[{i}]" for i in np.unravel_index(index, shape))
