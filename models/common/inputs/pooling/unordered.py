"""Poolings that do not depend on the order of the ids."""

from __future__ import annotations

import paddle

from models.common.inputs.pooling.order import weighted_sum
from models.common.layers import ops
from models.common.layers.dense import Part

_LOWEST = -1e9  # stands for padding in a maximum
_SMALLEST = 1e-30  # is added to sums of weights and changes none but 0


class Sum(Part):
    r"""The weighted sum of the embeddings: :math:`\sum_i w_i e_i`.

    Args:
        place: the hyper-parameter that chooses the pooling.
        size: the size of an embedding.
        max_len: ids a row.

    Shapes:
        embeddings ``[batch, max_len, size]`` and weights ``[batch, max_len]``, 0 for padding, to
        ``[batch, size]``.
    """

    def __init__(self, place: str, size: int, max_len: int):
        super().__init__()
        self._size, self._max_len = size, max_len

    def forward(self, embedded, mask, target=None):
        """Returns the vector of each row, 0 for a row without ids."""
        return weighted_sum(mask, embedded, self._max_len, self._size)


class Mean(Sum):
    r"""The weighted mean of the embeddings: :math:`\sum_i w_i e_i / \sum_i w_i`, 0 for 0 / 0."""

    def forward(self, embedded, mask, target=None):
        """Returns the vector of each row, 0 for a row whose weights are 0."""
        total = ops.scale(ops.sum(mask, 1, keepdim=True), 1.0, _SMALLEST)
        shares = ops.stop_gradient(ops.divide(mask, total))
        return weighted_sum(shares, embedded, self._max_len, self._size)


class Max(Sum):
    """The largest number of each column of the embeddings of ids that are not 0."""

    def forward(self, embedded, mask, target=None):
        """Returns the vector of each row, 0 for a row without ids."""
        return ops.composite(_largest, embedded, mask)


def _largest(embedded, mask):
    weights = mask.unsqueeze(-1)
    # amax divides the gradient between equal ids; max of Paddle 2.6 counts it twice.
    highest = paddle.amax(embedded + (1.0 - weights) * _LOWEST, axis=1)
    return highest * weights.max(axis=1)  # 0 where there is no id at all
