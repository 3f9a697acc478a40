"""Periodic embeddings of numbers."""

from __future__ import annotations

import math

import paddle
from paddle import nn

from models.common.checks import flag, positive, whole
from models.common.inputs.dense_embeddings.columns import apart, side_by_side
from models.common.layers import ops
from models.common.layers.dense import Linear, Part, StackedLinear


class Periodic(Part):
    r"""Sines and cosines of each number, then a linear layer and ReLU: the paper's PLR.

    Gorishniy et al. 2022, "On Embeddings for Numerical Features in Tabular Deep Learning",
    https://arxiv.org/abs/2203.05556, section 3.3: :math:`[\sin v, \cos v]` with
    :math:`v = [2 \pi c_1 x, ..., 2 \pi c_k x]`. The frequencies c of each column are trained.

    Args:
        dense_num: the number of columns.
        size: the size of an embedding.
        frequencies: the number k of frequencies of a column.
        sigma: the standard deviation of new frequencies, whose mean is 0. A larger one separates
            closer numbers. It refers to scaled numbers.
        lite: whether all columns share one linear layer, as in the paper's PLR(lite).

    Shapes:
        ``[batch, dense_num]`` to ``[batch, dense_num * size]``.
    """

    def __init__(
        self,
        dense_num: int,
        *,
        size: int = 8,
        frequencies: int = 16,
        sigma: float = 0.1,
        lite: bool = False,
    ):
        super().__init__()
        size = whole("dense_embedding.size", size)
        frequencies = whole("dense_embedding.frequencies", frequencies)
        sigma = positive("dense_embedding.sigma", sigma)
        self._dense_num, self.out_size = dense_num, dense_num * size
        normal = paddle.ParamAttr(initializer=nn.initializer.Normal(0.0, sigma))
        self.frequencies = self.create_parameter([dense_num, 1, frequencies], attr=normal)
        shape = (2 * frequencies, size)
        is_lite = flag("dense_embedding.lite", lite)
        self.linear = Linear(*shape) if is_lite else StackedLinear(dense_num, *shape)

    def forward(self, x):
        """Returns the embeddings side by side."""
        turns = ops.scale(apart(x, self._dense_num, 1), 2.0 * math.pi)
        angles = ops.matmul(turns, self.frequencies)  # faster than a broadcast product
        waves = ops.concat([ops.sin(angles), ops.cos(angles)], axis=2)
        return side_by_side(ops.relu(self.linear(waves)), self.out_size)
