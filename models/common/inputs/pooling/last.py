"""The vector of a sequence's last id."""

from __future__ import annotations

from models.common.inputs.pooling.order import Order, weighted_sum
from models.common.layers.dense import Part


class Last(Part):
    """The embedding of the last id of a sequence, 0 without ids.

    Args:
        place: the hyper-parameter that chooses the pooling.
        size: the size of an embedding.
        max_len: ids a row.

    Shapes:
        embeddings ``[batch, max_len, size]`` and mask ``[batch, max_len]`` to ``[batch, size]``.
    """

    def __init__(self, place: str, size: int, max_len: int):
        super().__init__()
        self._size, self._max_len, self.order = size, max_len, Order(max_len)

    def forward(self, embedded, mask, target=None):
        """Returns the vector of each row."""
        last = self.order(mask)[1]
        return weighted_sum(last, embedded, self._max_len, self._size)
