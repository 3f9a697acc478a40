"""Generates a small sample in the format of Multi-MNIST.

    python -m datasets.Multi_MNIST_DselectK.sample --output_dir DIR [--seed N] [--train_rows N]
                                                   [--test_rows N]

writes `train/train_data.npz` (400 rows) and `test/test_data.npz` (200 rows) into DIR, with the
members `images` and `labels`. It does not use MNIST: a digit is a pen stroke through the points of
`STROKES`. The points are moved a little, the digit is slanted and shifted, and the width of the pen
varies. Two digits of different classes make a row by the rule of `overlay.py`.

The same options give the same arrays on every platform: all draws are uniform doubles of NumPy's
RandomState, whose stream never changes, and the rest is integer arithmetic.

Errors (one line, exit code 2): an option is out of range; a file cannot be written.
"""

from __future__ import annotations

import io
import sys

import numpy as np

from datasets.Multi_MNIST_DselectK.overlay import CLASSES, PATCH, classes_of, lay_out, overlay
from datasets.Multi_MNIST_DselectK.pairs import Pairs
from datasets.preparing.sampling import run_generator

# (x, y) in pixels from the upper left corner of the 28 x 28 patch.
STROKES = (
    ((14, 5), (19, 8), (20, 14), (19, 20), (14, 23), (9, 20), (8, 14), (9, 8), (14, 5)),
    ((11, 9), (14, 5), (14, 23)),
    ((8, 9), (11, 5), (17, 5), (20, 9), (18, 13), (8, 23), (20, 23)),
    ((9, 6), (14, 5), (19, 7), (18, 12), (13, 13), (19, 15), (20, 20), (14, 23), (8, 21)),
    ((17, 23), (17, 5), (8, 17), (21, 17)),
    ((19, 5), (10, 5), (9, 12), (15, 11), (20, 15), (19, 20), (14, 23), (8, 21)),
    ((18, 5), (11, 10), (8, 17), (11, 23), (17, 23), (20, 18), (16, 14), (9, 17)),
    ((8, 5), (20, 5), (12, 23)),
    ((14, 13), (9, 9), (14, 5), (19, 9), (14, 13), (8, 18), (14, 23), (20, 18), (14, 13)),
    ((19, 9), (15, 5), (10, 6), (9, 11), (13, 14), (19, 11), (19, 9), (18, 23)),
)
FINE = 16  # subdivisions of a pixel, and of a stroke between two points
MOVED = 12  # largest movement of a point, in subdivisions of a pixel
DRAWN = 2  # added to the split in the seeds of the digits: `overlay.py` uses the splits 0 and 1


def pair_rows(seed: int, split: int, rows: int) -> Pairs:
    """Returns images uint8 `[rows, 36, 36]` and labels int32 `[rows, 2]` of a file.

    Args:
        seed: seed of the sample.
        split: 0 train, 1 test; the splits are independent of each other.
        rows: number of rows, and of the digits that they are made from.
    """
    random = np.random.RandomState([DRAWN + split, seed])
    # Every class is equally frequent, because the sample is small.
    classes = np.argsort(random.random_sample(rows), kind="stable") % CLASSES
    digits = np.stack([_digit(STROKES[number], random) for number in classes])
    layout = lay_out(classes, rows, seed, split)
    return overlay(digits, layout), classes_of(classes, layout)


def _digit(points: tuple, random: np.random.RandomState) -> np.ndarray:
    """Returns the image of a pen stroke through the points, uint8 `[28, 28]`."""

    def below(count: int, *shape: int) -> np.ndarray:
        return (random.random_sample(shape) * count).astype(np.int64)

    corners = np.array(points) * FINE + below(2 * MOVED + 1, len(points), 2) - MOVED
    corners += below(2 * FINE + 1, 2) - FINE
    slant = below(2 * FINE + 1) - FINE  # at the upper edge, in quarters of a subdivision
    corners[:, 0] += slant * (PATCH * FINE // 2 - corners[:, 1]) // (4 * FINE)
    width = 18 + below(11)  # half the width of the pen, in subdivisions of a pixel

    part = np.arange(FINE + 1)[:, None, None]
    ink = ((FINE - part) * corners[:-1] + part * corners[1:]).reshape(-1, 2) // FINE
    centres = np.arange(PATCH) * FINE + FINE // 2
    across = (centres[None, :] - ink[:, :1]) ** 2
    down = (centres[None, :] - ink[:, 1:]) ** 2
    nearest = (across[:, None, :] + down[:, :, None]).min(axis=0)  # squared
    # White inside the pen, grey at its edge, black from 1.5 half widths on.
    square = int(width * width)
    return np.clip((9 * square - 4 * nearest) * 255 // (5 * square), 0, 255).astype(np.uint8)


def npz(seed: int, split: int, rows: int) -> bytes:
    """Returns a compressed file of the images and labels of `pair_rows`."""
    images, labels = pair_rows(seed, split, rows)
    content = io.BytesIO()
    np.savez_compressed(content, images=images, labels=labels)
    return content.getvalue()


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    return run_generator(
        "datasets.Multi_MNIST_DselectK.sample",
        __doc__,
        npz,
        ("train/train_data.npz", "test/test_data.npz"),
        (400, 200),
        arguments,
        least=CLASSES,
    )


if __name__ == "__main__":
    sys.exit(main())
