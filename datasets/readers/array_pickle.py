"""Pickles of arrays, read without calling anything that they name.

A pickle calls whatever function it names, so one from elsewhere is somebody's program. Here the few
names that pickled arrays consist of stand for classes of this file, which take plain numbers and
bytes only, and every other name is an error. Not even NumPy's own functions are called on what
the file says: a forged state makes its dtype take bytes for pointers.
"""

from __future__ import annotations

import pickle
import re
from typing import Any, BinaryIO, ClassVar

import numpy as np


class ForeignName(pickle.UnpicklingError):
    """A pickle names something that arrays do not consist of."""


class _Dtype:
    """Stands for `numpy.dtype`: whole numbers, decimals and truth values of fixed size."""

    __slots__ = ("value",)

    def __init__(self, name: str, *_):
        if not isinstance(name, str) or not re.fullmatch(r"[<>|=]?(b1|[iu][1248]|[fc][248])", name):
            raise pickle.UnpicklingError(f"numbers of type {name!r}")
        self.value = np.dtype(name)

    def __setstate__(self, state: tuple):
        self.value = self.value.newbyteorder(str(state[1]))


class Array:
    """Stands for `numpy.ndarray`, and for the function that makes an empty one."""

    __slots__ = ("value",)

    def __init__(self, *_):
        self.value = None

    def __setstate__(self, state: tuple):
        _, shape, dtype, by_column, content = state
        flat = np.frombuffer(_bytes(content), dtype.value)
        native = flat.astype(dtype.value.newbyteorder("="), copy=False)
        self.value = native.reshape(shape, order="F" if by_column else "C")


def _from_buffer(content: bytes, dtype: _Dtype, shape: tuple, order: str) -> Array:
    """How protocol 5 has an array."""
    array = Array()
    array.__setstate__((1, shape, dtype, order == "F", content))
    return array


def _scalar(dtype: _Dtype, content: bytes) -> Any:
    return np.frombuffer(_bytes(content), dtype.value)[0]


def _bytes(content: Any) -> bytes:
    if isinstance(content, str):  # how protocol 2 has bytes
        return content.encode("latin1")
    if not isinstance(content, (bytes, bytearray)):
        raise pickle.UnpicklingError(f"numbers in a {type(content).__name__}")
    return bytes(content)


def _encode(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"text as {encoding!r}")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    """How protocol 2 has them where there are none."""
    return b""


def _mapping(*pairs: list) -> dict:
    return dict(*pairs)


def _tuple(items: tuple = ()) -> tuple:
    # Paddle pickles a tensor as a tuple of its name and its array.
    if not isinstance(items, (tuple, list)):
        raise pickle.UnpicklingError(f"a tuple of a {type(items).__name__}")
    return tuple(items)


_STAND_INS = {
    "numpy.ndarray": Array,
    "numpy.dtype": _Dtype,
    "_codecs.encode": _encode,
    "__builtin__.bytes": _no_bytes,
    "builtins.tuple": _tuple,
    "__builtin__.tuple": _tuple,
    "collections.OrderedDict": _mapping,
}
for _core in ("numpy.core", "numpy._core"):  # NumPy 2 renamed it; either may have written the file
    _STAND_INS[f"{_core}.multiarray._reconstruct"] = Array
    _STAND_INS[f"{_core}.multiarray.scalar"] = _scalar
    _STAND_INS[f"{_core}.numeric._frombuffer"] = _from_buffer


class _Unpickler(pickle._Unpickler):
    """The standard library's in Python: the one in C allocates what a forged number asks for."""

    dispatch: ClassVar[dict] = dict(pickle._Unpickler.dispatch)

    def _load_bytearray(self) -> None:
        # Read, and not allocated before.
        self.append(self.read(int.from_bytes(self.read(8), "little")))

    dispatch[pickle.BYTEARRAY8[0]] = _load_bytearray

    def _load_build(self) -> None:
        state = self.stack.pop()
        if not isinstance(self.stack[-1], (Array, _Dtype)):
            raise pickle.UnpicklingError(f"a state of a {type(self.stack[-1]).__name__}")
        self.stack[-1].__setstate__(state)

    dispatch[pickle.BUILD[0]] = _load_build

    def find_class(self, module: str, name: str) -> Any:
        known = _STAND_INS.get(f"{module}.{name}")
        if known is None:
            raise ForeignName(f"it names {module}.{name}")
        return known


def unpickled(stream: BinaryIO) -> Any:
    """Reads a pickle of arrays, numbers, text and containers of them.

    Its arrays are `Array`, whose ``value`` is a read-only view of what was read, or None if the
    pickle gives it no numbers.

    Raises:
        ForeignName: it names anything else. A damaged pickle may raise anything.
    """
    return _Unpickler(stream, encoding="latin1").load()
