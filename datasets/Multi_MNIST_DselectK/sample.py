"""A small made-up Multi-MNIST, which ships with the model in place of the real one.

    python -m datasets.Multi_MNIST_DselectK.sample --output_dir DIR [--seed N] [--train_rows N]
                                                   [--test_rows N]

writes `train/train_data.npz` (400 rows) and `test/test_data.npz` (200 rows) with the members
`images` and `labels` that real data has. It needs no MNIST and copies none: a digit is a pen stroke
through the points of `STROKES`, each moved a little, the whole slanted and shifted, drawn with
a pen of some width. Two of different classes make a row by the rule of `overlay.py`.

Equal options give equal arrays on every platform: all draws are uniform doubles of numpy's
RandomState, whose stream is frozen, and everything after them is integer arithmetic.

Errors (one line, exit code 2): an option out of range; nowhere to write.
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
FINE = 16  # parts of a pixel, and of a stroke between two points
MOVED = 12  # how far a point is moved at most, in parts of a pixel
DRAWN = 2  # what the seeds of digits differ by from those of `overlay.py`: 2 and 3 from 0 and 1


def pair_rows(seed: int, split: int, rows: int) -> Pairs:
    """Images uint8 `[rows, 36, 36]` and labels int32 `[rows, 2]` of a file.

    Args:
        seed: of the sample.
        split: 0 train, 1 test; keeps the two independent of each other.
        rows: how many, and how many digits are drawn to make them from.
    """
    random = np.random.RandomState([DRAWN + split, seed])
    # Every class the same number of times: a small sample has none to spare.
    classes = np.argsort(random.random_sample(rows), kind="stable") % CLASSES
    digits = np.stack([_digit(STROKES[number], random) for number in classes])
    layout = lay_out(classes, rows, seed, split)
    return overlay(digits, layout), classes_of(classes, layout)


def _digit(points: tuple, random: np.random.RandomState) -> np.ndarray:
    """A pen stroke through the points, uint8 `[28, 28]`."""

    def below(count: int, *shape: int) -> np.ndarray:
        return (random.random_sample(shape) * count).astype(np.int64)

    corners = np.array(points) * FINE + below(2 * MOVED + 1, len(points), 2) - MOVED
    corners += below(2 * FINE + 1, 2) - FINE
    slant = below(2 * FINE + 1) - FINE  # at the upper edge, in quarters of that
    corners[:, 0] += slant * (PATCH * FINE // 2 - corners[:, 1]) // (4 * FINE)
    width = 18 + below(11)  # of half the pen, in parts of a pixel

    part = np.arange(FINE + 1)[:, None, None]
    ink = ((FINE - part) * corners[:-1] + part * corners[1:]).reshape(-1, 2) // FINE
    centres = np.arange(PATCH) * FINE + FINE // 2
    across = (centres[None, :] - ink[:, :1]) ** 2
    down = (centres[None, :] - ink[:, 1:]) ** 2
    nearest = (across[:, None, :] + down[:, :, None]).min(axis=0)  # squared
    # White within the pen, grey at its rim, black one and a half widths from its middle.
    square = int(width * width)
    return np.clip((9 * square - 4 * nearest) * 255 // (5 * square), 0, 255).astype(np.uint8)


def npz(seed: int, split: int, rows: int) -> bytes:
    """A file: the images and labels of `pair_rows`, compressed."""
    images, labels = pair_rows(seed, split, rows)
    content = io.BytesIO()
    np.savez_compressed(content, images=images, labels=labels)
    return content.getvalue()


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return run_generator(
        "datasets.Multi_MNIST_DselectK.sample",
        __doc__,
        npz,
        ".npz",
        (400, 200),
        arguments,
        least=CLASSES,
    )


if __name__ == "__main__":
    sys.exit(main())
