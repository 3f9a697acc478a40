"""Reads Paddle's pickled checkpoints without running code that they name."""

from __future__ import annotations

import importlib.util
import os
import pickle
from collections.abc import Iterator
from itertools import count
from typing import Any, BinaryIO

import numpy as np

from engine.model_folder.importing import REPOSITORY


def _import_array_pickle() -> Any:
    # By its path, because a model folder may have its own package named datasets.
    path = os.path.join(REPOSITORY, "datasets", "readers", "array_pickle.py")
    spec = importlib.util.spec_from_file_location("array_pickle", path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


_array_pickle = _import_array_pickle()
ForeignName = _array_pickle.ForeignName

# An array counts as one value. A pickle can refer to one list many times, so that a few bytes
# expand to any number of values.
_MAX_VALUES = 100_000


def load(stream: BinaryIO) -> dict:
    """Reads a pickled dictionary of arrays, numbers, strings, and containers of them.

    The arrays are read-only.

    Raises:
        ForeignName: the pickle names a class or function that arrays do not need.
        pickle.UnpicklingError: the pickle has other content. A damaged one may raise any exception.
    """
    content = _convert(_array_pickle.unpickled(stream), count(1))
    if not isinstance(content, dict):
        raise pickle.UnpicklingError(f"expected a dictionary, found {type(content).__name__}")
    return content


def _convert(value: Any, counter: Iterator[int]) -> Any:
    """Replaces the array reader's placeholders with NumPy arrays.

    Args:
        value: the value, or a container of values.
        counter: counts the values.
    """
    if next(counter) > _MAX_VALUES:
        raise pickle.UnpicklingError(f"expected at most {_MAX_VALUES} values, found more")
    if isinstance(value, _array_pickle.Array):
        if value.value is None:
            raise pickle.UnpicklingError("expected the content of an array, found none")
        return value.value
    if isinstance(value, dict):
        return {_convert(key, counter): _convert(item, counter) for key, item in value.items()}
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[1], _array_pickle.Array):
        return _convert(value[1], counter)
    if isinstance(value, (list, tuple)):
        return type(value)(_convert(item, counter) for item in value)
    if value is not None and not isinstance(value, (str, bytes, int, float, np.generic)):
        kind = type(value).__name__.strip("_")
        raise pickle.UnpicklingError(f"expected arrays, numbers and strings, found {kind}")
    return value
