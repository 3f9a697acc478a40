"""Pickles of numpy arrays, read without calling anything that they name.

A pickle calls whatever function it names, so one from elsewhere is somebody's program. Here the few
names that pickled arrays consist of stand for classes of this file, which take plain numbers and
bytes only, and every other name is an error. Not even numpy's own functions are called on what
the file says: a forged state makes its dtype take bytes for pointers.
"""

from __future__ import annotations

import pickle
import re
from typing import Any, BinaryIO, ClassVar

import numpy as np


class _Dtype:
    """Stands for `numpy.dtype`: whole numbers, decimals and truth values of fixed size."""

    __slots__ = ("value",)

    def __init__(self, name: str, *_):
        if not isinstance(name, str) or not re.fullmatch(r"[<>|=]?(b1|[iu][1248]|f[248])", name):
            raise pickle.UnpicklingError(f"numbers of type {name!r}")
        self.value = np.dtype(name)

    def __setstate__(self, state: tuple):
        self.value = self.value.newbyteorder(str(state[1]))


class _Array:
    """Stands for `numpy.ndarray`, and for the function that makes an empty one."""

    __slots__ = ("value",)

    def __init__(self, *_):
        self.value = None

    def __setstate__(self, state: tuple):
        _, shape, dtype, by_column, content = state
        if isinstance(content, str):  # how Python 2 wrote its bytes
            content = content.encode("latin1")
        self.value = np.frombuffer(content, dtype.value).reshape(shape, order="CF"[bool(by_column)])

    @classmethod
    def from_buffer(cls, content: bytes, dtype: _Dtype, shape: tuple, order: str) -> _Array:
        """How protocol 5 has an array."""
        array = cls()
        array.__setstate__((1, shape, dtype, order == "F", content))
        return array


def _encode(text: str, encoding: str) -> bytes:
    """How Python 3 has bytes in protocol 2."""
    if encoding != "latin1":
        raise pickle.UnpicklingError(f"text as {encoding!r}")
    return text.encode("latin1")


_STAND_INS = {
    "numpy.ndarray": _Array,
    "numpy.dtype": _Dtype,
    "_codecs.encode": _encode,
    # numpy 2 moved numpy.core to numpy._core; either may have written the file.
    "numpy.core.multiarray._reconstruct": _Array,
    "numpy._core.multiarray._reconstruct": _Array,
    "numpy.core.numeric._frombuffer": _Array.from_buffer,
    "numpy._core.numeric._frombuffer": _Array.from_buffer,
}


class _Unpickler(pickle._Unpickler):
    """The standard library's in Python: the one in C allocates what a forged number asks for."""

    dispatch: ClassVar[dict] = dict(pickle._Unpickler.dispatch)

    def _load_bytearray(self) -> None:
        # Read, and not allocated before.
        self.append(self.read(int.from_bytes(self.read(8), "little")))

    dispatch[pickle.BYTEARRAY8[0]] = _load_bytearray

    def _load_build(self) -> None:
        # Of anything else it would set attributes: those of the functions above, for instance.
        state = self.stack.pop()
        if not isinstance(self.stack[-1], (_Array, _Dtype)):
            raise pickle.UnpicklingError(f"a state of a {type(self.stack[-1]).__name__}")
        self.stack[-1].__setstate__(state)

    dispatch[pickle.BUILD[0]] = _load_build

    def find_class(self, module: str, name: str) -> Any:
        known = _STAND_INS.get(f"{module}.{name}")
        if known is None:
            raise pickle.UnpicklingError(f"it names {module}.{name}")
        return known


def load_arrays(stream: BinaryIO, origin: str) -> list[np.ndarray]:
    """Arrays of a pickle that is a tuple or a list of them, of any protocol; read-only.

    Args:
        stream: the pickle.
        origin: what an error calls it.

    Raises:
        ValueError: it is no such pickle, is truncated, or holds or names anything else.
        OSError: reading failed.
    """
    try:
        found = _Unpickler(stream, encoding="latin1").load()
    except OSError:
        raise
    except Exception as exc:  # a damaged pickle may fail in any way
        reason = "truncated" if isinstance(exc, EOFError) else str(exc) or type(exc).__name__
        raise ValueError(f"{origin}: no pickle of numpy arrays alone ({reason})") from exc
    if not isinstance(found, (tuple, list)):
        found = [found]
    if not all(isinstance(item, _Array) and item.value is not None for item in found):
        kinds = ", ".join(type(item).__name__.strip("_") for item in found[:4])
        raise ValueError(
            f"{origin}: no pickle of numpy arrays alone (it holds {kinds or 'nothing'})"
        )
    return [item.value for item in found]
