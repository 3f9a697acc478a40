"""MNIST's idx files: four bytes that say what follows, the sizes, then the bytes themselves."""

from __future__ import annotations

import gzip
import math
from pathlib import Path

import numpy as np

from datasets.preparing.command import DataError

UNSIGNED_BYTE = 0x08  # the only type of number that MNIST's files have


def read_idx(path: Path, shape: tuple[int | None, ...]) -> np.ndarray:
    """Unsigned bytes of an idx file that :func:`datasets.preparing.fetch.obtain` returned.

    Args:
        path: the file; one that ends in `.gz` is decompressed.
        shape: the sizes that it must have; None where any will do.

    Returns:
        uint8, of that shape.

    Raises:
        DataError: the header is another, or the file longer or shorter than it says.
    """
    magic = bytes((0, 0, UNSIGNED_BYTE, len(shape)))
    with gzip.open(path) if path.suffix == ".gz" else path.open("rb") as stream:
        header = stream.read(4 + 4 * len(shape))
        if len(header) < 4 + 4 * len(shape) or header[:4] != magic:
            raise DataError(
                f"{path}: begins {header[:4].hex(' ') or 'with nothing'}, expected "
                f"{magic.hex(' ')}: an idx file of bytes in {len(shape)} dimensions"
            )
        found = tuple(np.frombuffer(header[4:], ">u4").tolist())
        if any(size is not None and size != real for size, real in zip(shape, found)):
            wanted = " x ".join("any" if size is None else str(size) for size in shape)
            raise DataError(f"{path}: {' x '.join(map(str, found))} bytes, expected {wanted}")
        # To the end, not as much as a forged header asks for.
        content = stream.read()
    if len(content) != math.prod(found):
        raise DataError(
            f"{path}: {len(content)} bytes after the header, expected {math.prod(found)}"
        )
    return np.frombuffer(content, np.uint8).reshape(found)
