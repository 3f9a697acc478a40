"""Reads files of digit pairs: images uint8 `[n, 36, 36]`, labels integers `[n, 2]` in 0..9.

Three file formats have these two arrays:

    NAME_images.npy, NAME_labels.npy    written by `prepare.py`; images are read when they are taken
    NAME.npz                            compressed members `images` and `labels`: the sample
    any other name                      PaddleRec's pickle of (images, labels)
"""

from __future__ import annotations

import os
from collections.abc import Sequence

import numpy as np

from datasets.Multi_MNIST_DselectK.overlay import CANVAS, CLASSES
from datasets.Multi_MNIST_DselectK.unpickle import load_arrays
from datasets.readers.stored_rows import StoredRows
from datasets.readers.text_matrix import Rows

_LARGEST_NPZ = 4 << 30  # bytes, which are all in memory; a small file can expand to more
IMAGES, LABELS = "_images.npy", "_labels.npy"
Pairs = tuple[np.ndarray, np.ndarray]


def check(images: np.ndarray, labels: np.ndarray, images_of: str, labels_of: str) -> Pairs:
    """Returns both arrays after checking shapes, dtypes and labels.

    Args:
        images: images of two digits.
        labels: the two digits.
        images_of: file of the images, for errors.
        labels_of: file of the labels, for errors.

    Raises:
        ValueError: a shape, a dtype or a label is not as described in this module.
    """
    if images.dtype != np.uint8 or images.ndim != 3 or images.shape[1:] != (CANVAS, CANVAS):
        raise ValueError(
            f"{images_of}: expected images uint8 [n, {CANVAS}, {CANVAS}], found {_shape_of(images)}"
        )
    if labels.dtype.kind not in "iu" or labels.ndim != 2 or labels.shape[1] != 2:
        raise ValueError(
            f"{labels_of}: expected labels, integers [n, 2], found {_shape_of(labels)}"
        )
    if len(images) != len(labels):
        raise ValueError(
            f"{labels_of}: expected {len(images)} labels as images, found {len(labels)}"
        )
    if not len(images):
        raise ValueError(f"{images_of}: the file holds no images")
    bad = np.argwhere((labels < 0) | (labels >= CLASSES))
    if len(bad):
        row, column = bad[0]
        raise ValueError(
            f"{labels_of}: row {row}, label {column}: expected a digit 0 to {CLASSES - 1}, "
            f"found {labels[row, column]}"
        )
    return images, labels


def from_pickle(stream, origin: str) -> Pairs:
    """Returns images and labels of a pickle in PaddleRec's format, without running its code.

    Raises:
        ValueError: the pickle has another format.
    """
    arrays = load_arrays(stream, origin)
    if len(arrays) != 2:
        raise ValueError(f"{origin}: expected (images, labels), found {len(arrays)} arrays")
    return check(*arrays, origin, origin)


class DigitPairs:
    """All rows of several files, in order.

    Args:
        paths: the files, in any of the three formats.

    Raises:
        ValueError: a file has another format, or its images or labels are missing.
        OSError: a file cannot be read.
    """

    def __init__(self, paths: Sequence[str]):
        listed = {os.path.abspath(path) for path in paths}
        self._parts = []
        for path in paths:
            if path.endswith(LABELS):
                images = path[: -len(LABELS)] + IMAGES
                if os.path.abspath(images) not in listed:
                    raise ValueError(f"{path}: its images are missing: no {images} among the files")
            else:
                self._parts.append(_load(path, listed))
        if not self._parts:
            raise ValueError("expected files of digit pairs, found no files")
        self._ends = np.cumsum([len(labels) for _, labels in self._parts])

    def __len__(self) -> int:
        return int(self._ends[-1])

    def take(self, rows: Rows) -> Pairs:
        """Returns images uint8 `[len(rows), 36, 36]` and labels `[len(rows), 2]`."""
        if len(self._parts) == 1:
            images, labels = self._parts[0]
            return images[rows], labels[rows]
        rows = np.arange(len(self))[rows]
        part_of_row = np.searchsorted(self._ends, rows, side="right")
        out = np.empty((len(rows), CANVAS, CANVAS), np.uint8), np.empty((len(rows), 2), np.int64)
        for number in np.unique(part_of_row):
            inside = part_of_row == number
            part_rows = rows[inside] - (self._ends[number] - len(self._parts[number][1]))
            for array, part in zip(out, self._parts[number]):
                array[inside] = part[part_rows]
        return out


def _load(path: str, listed: set[str]) -> Pairs:
    if path.endswith(IMAGES):
        labels = path[: -len(IMAGES)] + LABELS
        if os.path.abspath(labels) not in listed:
            raise ValueError(f"{path}: its labels are missing: no {labels} among the files")
        return check(_opened(path), _npy(labels), path, labels)
    if path.endswith(".npz"):
        return check(*_npz(path), path, path)
    with open(path, "rb") as stream:
        return from_pickle(stream, path)


def _opened(path: str) -> StoredRows:
    """Returns images that are read from their file: a memory map crashes if it is truncated."""
    try:
        return StoredRows(path)
    except OSError:  # the file cannot be read, but may be valid
        raise
    except Exception as error:  # a damaged header may raise any exception
        raise ValueError(f"{path}: truncated, or no .npy file ({error})") from error


def _npy(path: str) -> np.ndarray:
    try:
        with open(path, "rb") as file:
            return np.lib.format.read_array(file, allow_pickle=False)
    except OSError:  # the file cannot be read, but may be valid
        raise
    except Exception as error:  # a damaged header may raise any exception
        raise ValueError(f"{path}: truncated, or no .npy file ({error})") from error


def _npz(path: str) -> list[np.ndarray]:
    with open(path, "rb") as stream:
        try:
            with np.load(stream, allow_pickle=False) as members:
                size = sum(member.file_size for member in members.zip.infolist())
                arrays = [members[name] for name in ("images", "labels") if size <= _LARGEST_NPZ]
        except KeyError as error:
            raise ValueError(f"{path}: expected members images and labels ({error})") from error
        except Exception as error:  # a damaged archive may raise any exception
            raise ValueError(f"{path}: truncated, or no .npz file ({error})") from error
    if not arrays:
        limit = f"{_LARGEST_NPZ >> 30} GB of pairs in an .npz file"
        raise ValueError(f"{path}: expected at most {limit}, found {size / 2**30:.1f} GB: use .npy")
    if not all(isinstance(array, np.ndarray) for array in arrays):
        raise ValueError(f"{path}: expected arrays as members, found something else")
    return arrays


def _shape_of(array: np.ndarray) -> str:
    return f"{array.dtype} {list(array.shape)}"
