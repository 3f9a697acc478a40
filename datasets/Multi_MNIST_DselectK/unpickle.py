"""Reads PaddleRec's pickles of Multi-MNIST: arrays and nothing else."""

from __future__ import annotations

from typing import BinaryIO

import numpy as np

from datasets.readers.array_pickle import Array, unpickled


def load_arrays(stream: BinaryIO, origin: str) -> list[np.ndarray]:
    """Returns the read-only arrays of a pickle that is a tuple or a list of arrays.

    Args:
        stream: the pickle, of any protocol.
        origin: name of the pickle for errors.

    Raises:
        ValueError: the pickle is truncated, or contains or names anything else.
        OSError: reading failed.
    """
    try:
        content = unpickled(stream)
    except OSError:
        raise
    except Exception as exc:  # a damaged pickle may raise any exception
        reason = "truncated" if isinstance(exc, EOFError) else str(exc) or type(exc).__name__
        raise ValueError(f"{origin}: expected a pickle of only NumPy arrays ({reason})") from exc
    items = content if isinstance(content, (tuple, list)) else [content]
    complete = [isinstance(item, Array) and item.value is not None for item in items]
    if not complete or not all(complete):
        kinds = ", ".join(type(item).__name__.strip("_") for item in items[:4])
        raise ValueError(
            f"{origin}: expected a pickle of only NumPy arrays (it holds {kinds or 'nothing'})"
        )
    return [item.value for item in items]
