"""Embeddings of numbers that are encoded by bins."""

from __future__ import annotations

from models.common.checks import whole
from models.common.inputs.dense_embeddings.columns import apart, side_by_side
from models.common.layers import ops
from models.common.layers.dense import Part, StackedLinear


class PiecewiseLinear(Part):
    """A linear layer and ReLU on each column's bins: the paper's Q-LR.

    Gorishniy et al. 2022, "On Embeddings for Numerical Features in Tabular Deep Learning",
    https://arxiv.org/abs/2203.05556, section 3.2. `scaling.PiecewiseLinear` computes the bins
    before, once for many batches.

    Args:
        dense_num: the number of columns.
        size: the size of an embedding.
        bins: the bins of a column.

    Shapes:
        ``[batch, dense_num * bins]`` to ``[batch, dense_num * size]``.
    """

    def __init__(self, dense_num: int, *, size: int = 8, bins: int = 16):
        super().__init__()
        size = whole("dense_embedding.size", size)
        self._dense_num, self._bins = dense_num, whole("dense_embedding.bins", bins)
        self.out_size = dense_num * size
        self.linear = StackedLinear(dense_num, bins, size)

    def forward(self, x):
        """Returns the embeddings side by side."""
        stacked = apart(x, self._dense_num, self._bins)
        return side_by_side(ops.relu(self.linear(stacked)), self.out_size)
