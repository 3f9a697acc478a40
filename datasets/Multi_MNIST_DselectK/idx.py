"""Reads MNIST's idx files: four bytes for type and dimensions, the sizes, then the content."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import numpy as np

from datasets.preparing.command import DataError

UNSIGNED_BYTE = 0x08  # the type of all numbers in MNIST's files


def read_idx(path: Path, shape: tuple[int | None, ...]) -> np.ndarray:
    """Returns the array in an idx file, uint8.

    Args:
        path: a file from :func:`datasets.preparing.fetch.obtain`; ``.gz`` is decompressed.
        shape: the expected sizes; None for any size.

    Raises:
        DataError: the header has another type or shape, or the file another length.
    """
    magic = bytes((0, 0, UNSIGNED_BYTE, len(shape)))
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
        header = stream.read(4 + 4 * len(shape))
        if len(header) < 4 + 4 * len(shape) or header[:4] != magic:
            raise DataError(
                f"{path}: begins with {header[:4].hex(' ') or 'nothing'}, expected "
                f"{magic.hex(' ')}: an idx file of bytes in {len(shape)} dimensions"
            )
        sizes = tuple(np.frombuffer(header[4:], ">u4").tolist())
        if any(size is not None and size != found for size, found in zip(shape, sizes)):
            expected = " x ".join("any" if size is None else str(size) for size in shape)
            raise DataError(f"{path}: {' x '.join(map(str, sizes))} bytes, expected {expected}")
        # To the end of the file: a forged header could ask for more memory than there is.
        content = stream.read()
    if len(content) != math.prod(sizes):
        raise DataError(
            f"{path}: {len(content)} bytes after the header, expected {math.prod(sizes)}"
        )
    return np.frombuffer(content, np.uint8).reshape(sizes)
