"""Reads pickles of NumPy arrays without running code that they name.

A pickle can call any function that it names, so a foreign pickle can run any code. This reader
replaces the few names that pickled arrays need by classes of this module, which accept only plain
numbers and bytes. Every other name is an error. NumPy's own functions are not called either: a
forged state makes a NumPy dtype treat bytes as pointers.
"""

from __future__ import annotations

import pickle
import re
from typing import Any, BinaryIO, ClassVar

import numpy as np


class ForeignName(pickle.UnpicklingError):
    """A pickle names a class or function that arrays do not need."""


class _Dtype:
    """Replaces `numpy.dtype`: integers, floating-point numbers and booleans of fixed size."""

    __slots__ = ("value",)

    def __init__(self, name: str, *_):
        if not isinstance(name, str) or not re.fullmatch(r"[<>|=]?(b1|[iu][1248]|[fc][248])", name):
            raise pickle.UnpicklingError(f"expected a dtype of numbers, found {name!r}")
        self.value = np.dtype(name)

    def __setstate__(self, state: tuple):
        self.value = self.value.newbyteorder(str(state[1]))


class Array:
    """Replaces `numpy.ndarray` and the function that creates an empty one."""

    __slots__ = ("value",)

    def __init__(self, *_):
        self.value = None

    def __setstate__(self, state: tuple):
        _, shape, dtype, by_column, content = state
        flat = np.frombuffer(_bytes(content), dtype.value)
        native = flat.astype(dtype.value.newbyteorder("="), copy=False)
        self.value = native.reshape(shape, order="F" if by_column else "C")


def _from_buffer(content: bytes, dtype: _Dtype, shape: tuple, order: str) -> Array:
    """Returns an array as protocol 5 stores it."""
    array = Array()
    array.__setstate__((1, shape, dtype, order == "F", content))
    return array


def _scalar(dtype: _Dtype, content: bytes) -> Any:
    return np.frombuffer(_bytes(content), dtype.value)[0]


def _bytes(content: Any) -> bytes:
    if isinstance(content, str):  # as protocol 2 stores bytes
        return content.encode("latin1")
    if not isinstance(content, (bytes, bytearray)):
        raise pickle.UnpicklingError(f"expected bytes, found {type(content).__name__}")
    return bytes(content)


def _encode(text: str, encoding: str) -> bytes:
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"expected the encoding latin1, found {encoding!r}")
    return text.encode("latin1")


def _no_bytes() -> bytes:
    """Returns empty bytes, which protocol 2 stores as a call without arguments."""
    return b""


def _mapping(*pairs: list) -> dict:
    return dict(*pairs)


def _tuple(items: tuple = ()) -> tuple:
    # Paddle pickles a tensor as a tuple of its name and its array.
    if not isinstance(items, (tuple, list)):
        raise pickle.UnpicklingError(f"expected items of a tuple, found {type(items).__name__}")
    return tuple(items)


_REPLACEMENTS = {
    "numpy.ndarray": Array,
    "numpy.dtype": _Dtype,
    "_codecs.encode": _encode,
    "__builtin__.bytes": _no_bytes,
    "builtins.tuple": _tuple,
    "__builtin__.tuple": _tuple,
    "collections.OrderedDict": _mapping,
}
for _core in ("numpy.core", "numpy._core"):  # NumPy 2 renamed the package
    _REPLACEMENTS[f"{_core}.multiarray._reconstruct"] = Array
    _REPLACEMENTS[f"{_core}.multiarray.scalar"] = _scalar
    _REPLACEMENTS[f"{_core}.numeric._frombuffer"] = _from_buffer


class _Unpickler(pickle._Unpickler):
    """The unpickler in Python: the one in C allocates as much memory as a forged size says."""

    dispatch: ClassVar[dict] = dict(pickle._Unpickler.dispatch)

    def _load_bytearray(self) -> None:
        # The original allocates the memory before it reads.
        self.append(self.read(int.from_bytes(self.read(8), "little")))

    dispatch[pickle.BYTEARRAY8[0]] = _load_bytearray

    def _load_build(self) -> None:
        state = self.stack.pop()
        if not isinstance(self.stack[-1], (Array, _Dtype)):
            raise pickle.UnpicklingError(
                f"expected the state of an array, found that of a {type(self.stack[-1]).__name__}"
            )
        self.stack[-1].__setstate__(state)

    dispatch[pickle.BUILD[0]] = _load_build

    def find_class(self, module: str, name: str) -> Any:
        replacement = _REPLACEMENTS.get(f"{module}.{name}")
        if replacement is None:
            raise ForeignName(f"it names {module}.{name}")
        return replacement


def unpickled(stream: BinaryIO) -> Any:
    """Returns the content of a pickle of arrays, numbers, text and containers of these.

    Each array is an `Array`. Its ``value`` is a read-only NumPy array, or None if the pickle has
    no numbers for it.

    Raises:
        ForeignName: the pickle names anything else. A damaged pickle may raise any exception.
    """
    return _Unpickler(stream, encoding="latin1").load()
