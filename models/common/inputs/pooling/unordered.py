"""Poolings that do not depend on the order of the ids."""

from __future__ import annotations

import paddle

from models.common.inputs.pooling.order import weighted_sum
from models.common.layers import ops
from models.common.layers.dense import Part

_PADDING = 1e9  # is subtracted from padding before a maximum


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
        shares = ops.stop_gradient(ops.composite(_in_all, mask))
        return weighted_sum(shares, embedded, self._max_len, self._size)


def _in_all(mask):
    """Returns the share of each weight in the sum of its row; 0 for a sum of 0."""
    total = mask.sum(axis=1, keepdim=True)
    return mask / (total + (total == 0).astype(mask.dtype))


class Max(Sum):
    """The largest number of each column of the embeddings of ids that are not 0."""

    def forward(self, embedded, mask, target=None):
        """Returns the vector of each row, 0 for a row without ids."""
        shares = ops.composite(_shares, ops.stop_gradient(embedded), mask)
        return ops.sum(ops.multiply(embedded, ops.stop_gradient(shares)), 1)


def _shares(embedded, mask):
    """Returns the share of each number in its column's largest one: equal numbers divide it."""
    present = mask.unsqueeze(-1)
    known = embedded + (present - 1.0) * _PADDING
    largest = paddle.amax(known, axis=1, keepdim=True)
    equal = (known == largest).astype(embedded.dtype) * present
    return equal / equal.sum(axis=1, keepdim=True).clip(min=1.0)
