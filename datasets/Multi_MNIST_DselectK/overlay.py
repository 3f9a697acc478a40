"""The rule of Multi-MNIST: which two digits an image shows, and at which positions.

The left digit of row i is image i of the split, modulo the number of images. Its 28 x 28 patch is
at (s, s), s in 1..4. The right digit is an image of another class of the same split, at (r, r),
r in 5..8. A pixel is min(255, left + right).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

PATCH, CANVAS, CLASSES = 28, 36, 10
LEFT_PLACES, RIGHT_PLACES = range(1, 5), range(5, 9)


class Layout(NamedTuple):
    """The digits of each row and their positions; int64 `[rows]` each.

    Attributes:
        left: number of the left digit's image.
        right: number of the right digit's image.
        left_place: first row and column of the left patch.
        right_place: first row and column of the right patch.
    """

    left: np.ndarray
    right: np.ndarray
    left_place: np.ndarray
    right_place: np.ndarray

    def part(self, rows: slice) -> Layout:
        """Returns the layout of some rows."""
        return Layout(*(values[rows] for values in self))


def lay_out(classes: np.ndarray, rows: int, seed: int, split: int) -> Layout:
    """Draws the layout of rows.

    Each row uses three uniform doubles of NumPy's RandomState, whose stream never changes. So a
    shorter layout is the beginning of a longer one.

    Args:
        classes: classes of a split's images, `[images]`, each 0..9.
        rows: number of rows.
        seed: seed of the data set.
        split: number of the split, so that the splits are independent of each other.

    Raises:
        ValueError: all images have the same class.
    """
    images = len(classes)
    counts = np.bincount(classes, minlength=CLASSES)
    if counts.max(initial=0) == images:
        raise ValueError(
            f"expected images of at least two classes, found {images} images of one class"
        )
    uniform = np.random.RandomState([split, seed]).random_sample((rows, 3))
    left = np.arange(rows) % images

    # In the images sorted by class, the left digit's class is one range, which is skipped.
    by_class = np.argsort(classes, kind="stable")
    class_size = counts[classes[left]]
    drawn = (uniform[:, 0] * (images - class_size)).astype(np.int64)
    class_start = (np.cumsum(counts) - counts)[classes[left]]
    right = by_class[np.where(drawn < class_start, drawn, drawn + class_size)]

    def place(column: int, places: range) -> np.ndarray:
        return places.start + (uniform[:, column] * len(places)).astype(np.int64)

    return Layout(left, right, place(1, LEFT_PLACES), place(2, RIGHT_PLACES))


def overlay(images: np.ndarray, layout: Layout) -> np.ndarray:
    """Returns the images of a layout's rows, uint8 `[rows, 36, 36]`.

    Args:
        images: digits, uint8 `[images, 28, 28]`.
        layout: the layout of the rows.
    """
    canvas = np.zeros((len(layout.left), CANVAS, CANVAS), np.uint16)
    for numbers, places, allowed in (
        (layout.left, layout.left_place, LEFT_PLACES),
        (layout.right, layout.right_place, RIGHT_PLACES),
    ):
        for place in allowed:
            rows = np.flatnonzero(places == place)
            patch = slice(place, place + PATCH)
            canvas[rows, patch, patch] += images[numbers[rows]]
    return np.minimum(canvas, 255).astype(np.uint8)


def classes_of(classes: np.ndarray, layout: Layout) -> np.ndarray:
    """Returns the labels of a layout's rows, int32 `[rows, 2]`: left, right."""
    return np.stack([classes[layout.left], classes[layout.right]], axis=1).astype(np.int32)
