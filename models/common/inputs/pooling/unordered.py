"""Poolings that do not depend on the order of the ids."""

from __future__ import annotations

import paddle

from models.common.layers import ops
from models.common.layers.dense import Part

_LOWEST = -1e9  # stands for padding in a maximum


class _Unordered(Part):
    """A pooling by a function of Paddle's, whose gradient autograd finds.

    Shapes:
        embeddings ``[batch, ids, size]`` and weights ``[batch, ids]``, 0 for padding, to
        ``[batch, size]``.
    """

    def forward(self, embedded, mask, target=None):
        """Returns the vector of each row, 0 for a row without ids."""
        return ops.composite(self._pooled, embedded, mask)

    @staticmethod
    def _pooled(embedded, mask):
        raise NotImplementedError


class Sum(_Unordered):
    """The sum of the embeddings, each times its weight."""

    @staticmethod
    def _pooled(embedded, mask):
        return (embedded * mask.unsqueeze(-1)).sum(axis=1)


class Mean(_Unordered):
    """The mean of the embeddings, weighted."""

    @staticmethod
    def _pooled(embedded, mask):
        weights = mask.unsqueeze(-1)
        total = weights.sum(axis=1)
        total = total + (total == 0).astype(total.dtype)  # a row without ids: 0 / 1
        return (embedded * weights).sum(axis=1) / total


class Max(_Unordered):
    """The largest number of each column of the embeddings."""

    @staticmethod
    def _pooled(embedded, mask):
        weights = mask.unsqueeze(-1)
        # amax divides the gradient between equal ids; max of Paddle 2.6 counts it twice.
        highest = paddle.amax(embedded + (1.0 - weights) * _LOWEST, axis=1)
        return highest * weights.max(axis=1)  # 0 where there is no id at all
