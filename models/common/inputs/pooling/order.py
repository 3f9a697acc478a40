"""Where the ids of a sequence stand, from its mask alone."""

from __future__ import annotations

import numpy as np

from models.common.layers import ops
from models.common.layers.constants import Constants
from models.common.layers.dense import Part


class Order(Part):
    """Finds the last id of each row. Ids of 0 do not count, wherever they stand.

    Args:
        max_len: ids a row.

    Shapes:
        mask ``[batch, max_len]`` of 0 and 1 to two of the same shape.
    """

    def __init__(self, max_len: int):
        super().__init__()
        self._constants = Constants(np.tri(max_len, k=-1, dtype=np.float32))

    def forward(self, mask):
        """Returns the number of ids after each place, and 1 at the last id of a row."""
        (after,) = self._constants()
        later = ops.matmul(mask, after)
        last = ops.multiply(mask, ops.relu(ops.scale(later, -1.0, 1.0)))
        return later, ops.stop_gradient(last)


def weighted_sum(weights, embedded, max_len: int, size: int):
    """Returns the sum of vectors, each times its weight.

    Args:
        weights: ``[batch, max_len]``.
        embedded: ``[batch, max_len, size]``.
        max_len: ids a row.
        size: the size of a vector.

    Returns:
        ``[batch, size]``.
    """
    found = ops.matmul(ops.reshape(weights, [-1, 1, max_len]), embedded)
    return ops.reshape(found, [-1, size])
