"""Factorization machines: the sum of the products of all pairs of field vectors."""

from __future__ import annotations

from models.common.layers import ops
from models.common.layers.dense import Part
from models.common.layers.interactions.fields import several
from models.common.layout import Layout


class Fm(Part):
    r"""The bi-interaction of the field vectors, beside the features.

    He and Chua 2017, "Neural Factorization Machines for Sparse Predictive Analytics",
    https://arxiv.org/abs/1708.05027, equations 3 and 4:
    :math:`\sum_{i<j} v_i \odot v_j = ((\sum_i v_i)^2 - \sum_i v_i^2) / 2`, element by element.
    It is a vector. The second-order term of a factorization machine (Rendle 2010) is the sum of
    its elements; a linear layer on it can learn that sum.

    Args:
        layout: the features, with at least two sparse fields.

    Shapes:
        ``[batch, size]`` to ``[batch, size + embedding_size]``.
    """

    def __init__(self, layout: Layout):
        super().__init__()
        self._fields = several("fm", layout)
        self.out_size = layout.size + layout.embedding_size

    def forward(self, x):
        """Returns the features and the bi-interaction."""
        vectors = self._fields.apart(self._fields.cut(x)[1])
        of_sum = ops.square(ops.sum(vectors, 1))
        of_squares = ops.sum(ops.square(vectors), 1)
        return ops.concat([x, ops.scale(ops.subtract(of_sum, of_squares), 0.5)], 1)
