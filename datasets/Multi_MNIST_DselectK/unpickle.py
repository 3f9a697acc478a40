"""The pickles that multi-task MNIST comes in: arrays, and nothing else."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np

from datasets.readers.array_pickle import Array, unpickled


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
        found = unpickled(stream)
    except OSError:
        raise
    except Exception as exc:  # a damaged pickle may fail in any way
        reason = "truncated" if isinstance(exc, EOFError) else str(exc) or type(exc).__name__
        raise ValueError(f"{origin}: no pickle of numpy arrays alone ({reason})") from exc
    if not isinstance(found, (tuple, list)):
        found = [found]
    whole = [isinstance(item, Array) and item.value is not None for item in found]
    if not whole or not all(whole):
        kinds = ", ".join(type(item).__name__.strip("_") for item in found[:4])
        raise ValueError(
            f"{origin}: no pickle of numpy arrays alone (it holds {kinds or 'nothing'})"
        )
    return [item.value for item in found]
