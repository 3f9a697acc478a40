"""Embeddings of numbers as weighted sums of a few embeddings of the column."""

from __future__ import annotations

import paddle
from paddle import nn

from models.common.checks import positive, whole
from models.common.inputs.dense_embeddings.columns import apart, side_by_side
from models.common.layers import ops
from models.common.layers.dense import Part, xavier

_SLOPE = 0.01  # of the leaky ReLU; the paper does not state it
_DEVIATION = 0.1  # standard deviation of new meta-embeddings


class AutoDis(Part):
    r"""Soft bins that are learned: each number is a weighted sum of its column's meta-embeddings.

    Guo et al. 2021, "An Embedding Learning Framework for Numerical Features in CTR Prediction",
    https://arxiv.org/abs/2012.08986, section 3.2: :math:`h = leaky\_relu(w x)`,
    :math:`\tilde x = W h + \alpha h`, the weights are :math:`softmax(\tilde x / \tau)`. Here the
    temperature :math:`\tau` is a constant; the paper's may also depend on the number.

    Args:
        dense_num: the number of columns.
        size: the size of an embedding.
        buckets: the number of meta-embeddings of a column.
        temperature: a lower one gives weights that are closer to 0 and 1.
        alpha: the weight of the skip connection.

    Shapes:
        ``[batch, dense_num]`` to ``[batch, dense_num * size]``.
    """

    def __init__(
        self,
        dense_num: int,
        *,
        size: int = 8,
        buckets: int = 16,
        temperature: float = 1.0,
        alpha: float = 0.1,
    ):
        super().__init__()
        size = whole("dense_embedding.size", size)
        buckets = whole("dense_embedding.buckets", buckets, minimum=2)
        self._sharpness = 1.0 / positive("dense_embedding.temperature", temperature)
        self._alpha = positive("dense_embedding.alpha", alpha, or_zero=True)
        self._dense_num, self.out_size = dense_num, dense_num * size
        one, square = [dense_num, 1, buckets], [dense_num, buckets, buckets]
        self.first = self.create_parameter(one, attr=xavier(1, buckets))
        self.second = self.create_parameter(square, attr=xavier(buckets, buckets))
        normal = paddle.ParamAttr(initializer=nn.initializer.Normal(0.0, _DEVIATION))
        self.meta = self.create_parameter([dense_num, buckets, size], attr=normal)

    def forward(self, x):
        """Returns the embeddings side by side."""
        stacked = apart(x, self._dense_num, 1)
        hidden = ops.leaky_relu(ops.matmul(stacked, self.first), _SLOPE)
        scores = ops.add(ops.matmul(hidden, self.second), ops.scale(hidden, self._alpha))
        weights = ops.softmax(ops.scale(scores, self._sharpness))
        return side_by_side(ops.matmul(weights, self.meta), self.out_size)
