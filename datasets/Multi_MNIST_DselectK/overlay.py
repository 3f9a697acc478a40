"""The rule of Multi-MNIST: which two digits a row shows, and where.

Row i shows, on the left, image i of its split (from the first again once they are used up), its
28 x 28 patch placed at (s, s), s in 1..4. On the right it shows another image of the same split
and of a different class at (r, r), r in 5..8. A pixel is min(255, left + right).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

PATCH, CANVAS, CLASSES = 28, 36, 10
LEFT_PLACES, RIGHT_PLACES = range(1, 5), range(5, 9)


class Layout(NamedTuple):
    """What each row shows; int64 `[rows]` each.

    Attributes:
        left: number of the left digit's image.
        right: number of the right digit's.
        left_place: the left patch's first row and column.
        right_place: the right patch's.
    """

    left: np.ndarray
    right: np.ndarray
    left_place: np.ndarray
    right_place: np.ndarray

    def part(self, rows: slice) -> Layout:
        """The layout of some rows."""
        return Layout(*(values[rows] for values in self))


def lay_out(classes: np.ndarray, rows: int, seed: int, split: int) -> Layout:
    """Draw what `rows` rows show.

    The draws are uniform doubles of numpy's RandomState, whose stream is frozen, three a row: the
    first rows of a longer layout are those of a shorter one.

    Args:
        classes: of a split's images, `[images]`, each 0..9.
        rows: how many to draw.
        seed: of the data set.
        split: number of the split, which keeps the splits independent of each other.

    Raises:
        ValueError: all images are of one class.
    """
    images = len(classes)
    counts = np.bincount(classes, minlength=CLASSES)
    if counts.max(initial=0) == images:
        raise ValueError(f"{images} images of one class: no pair of different digits")
    uniform = np.random.RandomState([split, seed]).random_sample((rows, 3))
    left = np.arange(rows) % images

    # The images by class; the left digit's own class is one run of it, which is stepped over.
    by_class = np.argsort(classes, kind="stable")
    own = counts[classes[left]]
    drawn = (uniform[:, 0] * (images - own)).astype(np.int64)
    run = (np.cumsum(counts) - counts)[classes[left]]
    right = by_class[np.where(drawn < run, drawn, drawn + own)]

    def place(column: int, places: range) -> np.ndarray:
        return places.start + (uniform[:, column] * len(places)).astype(np.int64)

    return Layout(left, right, place(1, LEFT_PLACES), place(2, RIGHT_PLACES))


def overlay(images: np.ndarray, layout: Layout) -> np.ndarray:
    """Returns what the rows of a layout look like, uint8 `[rows, 36, 36]`.

    Args:
        images: uint8 `[images, 28, 28]`.
        layout: of the rows.
    """
    canvas = np.zeros((len(layout.left), CANVAS, CANVAS), np.uint16)
    for chosen, places, allowed in (
        (layout.left, layout.left_place, LEFT_PLACES),
        (layout.right, layout.right_place, RIGHT_PLACES),
    ):
        for place in allowed:
            rows = np.flatnonzero(places == place)
            patch = slice(place, place + PATCH)
            canvas[rows, patch, patch] += images[chosen[rows]]
    return np.minimum(canvas, 255).astype(np.uint8)


def classes_of(classes: np.ndarray, layout: Layout) -> np.ndarray:
    """Returns the labels of the rows of a layout, int32 `[rows, 2]`: left, right."""
    return np.stack([classes[layout.left], classes[layout.right]], axis=1).astype(np.int32)
