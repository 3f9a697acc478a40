"""Checkpoints as Paddle pickles them, read without calling anything that they name."""

from __future__ import annotations

import importlib.util
import os
import pickle
from collections.abc import Iterator
from itertools import count
from typing import Any, BinaryIO

import numpy as np

from engine.model_folder.importing import REPOSITORY


def _imported() -> Any:
    # By its path: a model folder may have a package of its own that is called datasets.
    path = os.path.join(REPOSITORY, "datasets", "readers", "array_pickle.py")
    spec = importlib.util.spec_from_file_location("array_pickle", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_array_pickle = _imported()
ForeignName = _array_pickle.ForeignName

# An array is one. A list may stand in several places, which lets a few bytes stand for values
# without end.
_MOST = 100_000


def load(stream: BinaryIO) -> dict:
    """Reads a pickled dictionary of arrays, numbers, text and containers of them.

    Its arrays are read-only views of what was read.

    Raises:
        ForeignName: it names anything else.
        pickle.UnpicklingError: it is something else. A damaged pickle may raise anything.
    """
    found = _plain(_array_pickle.unpickled(stream), count(1))
    if not isinstance(found, dict):
        raise pickle.UnpicklingError(f"it holds a {type(found).__name__}")
    return found


def _plain(value: Any, met: Iterator[int]) -> Any:
    """Returns a value with its stand-ins replaced by what they stand for.

    Args:
        value: the value.
        met: counts the values that were met.
    """
    if next(met) > _MOST:
        raise pickle.UnpicklingError(f"it holds more than {_MOST} values")
    if isinstance(value, _array_pickle.Array):
        if value.value is None:
            raise pickle.UnpicklingError("an array without numbers")
        return value.value
    if isinstance(value, dict):
        return {_plain(key, met): _plain(item, met) for key, item in value.items()}
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], _array_pickle.Array):
        return _plain(value[1], met)
    if isinstance(value, (list, tuple)):
        return type(value)(_plain(item, met) for item in value)
    if value is not None and not isinstance(value, (str, bytes, int, float, np.generic)):
        raise pickle.UnpicklingError(f"it holds a {type(value).__name__.strip('_')}")
    return value
