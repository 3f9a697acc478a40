"""Self-attention over a sequence."""

from __future__ import annotations

import math

from paddle import ParamAttr, nn

from datasets.readers import checks
from models.common.checks import whole
from models.common.hyper_parameters import SECTION
from models.common.inputs.pooling.order import Order, weighted_sum
from models.common.layers import ops
from models.common.layers.dense import Linear, Part
from models.common.layers.normalization import LayerNorm

_FORBIDDEN = 1e9  # is subtracted from a padding's score before a softmax
_DEVIATION = 0.01  # standard deviation of new positions, as of embeddings


class Attention(Part):
    r"""The last id's vector behind layers of multi-head self-attention.

    The layers are SASRec's (Kang and McAuley 2018, https://arxiv.org/abs/1808.09781), with the
    normalisation before each part: :math:`x + Attention(LayerNorm(x))`, then
    :math:`x + FeedForward(LayerNorm(x))`, and a last LayerNorm. BST (Chen et al. 2019,
    https://arxiv.org/abs/1905.06874) normalises behind each part. All ids are of the past, so an
    id sees also the ids after it: there is no causal mask, and no dropout. Positions are learned,
    and counted from the last id back, so that more padding changes nothing.

    Args:
        place: the hyper-parameter that chooses the pooling.
        size: the size of an embedding.
        max_len: ids a row.
        heads: heads of attention; ``size`` must be a multiple of it.
        layers: the number of layers. The last one computes the last id's row alone.

    Shapes:
        embeddings ``[batch, max_len, size]`` and mask ``[batch, max_len]`` to ``[batch, size]``.
    """

    def __init__(self, place: str, size: int, max_len: int, *, heads: int = 2, layers: int = 1):
        super().__init__()
        self._size, self._max_len = size, max_len
        if size % whole(f"{place}.heads", heads):
            expected = f"a divisor of embedding_size, {size}"
            checks.fail(f"{SECTION}.{place}.heads", expected, heads)
        normal = ParamAttr(initializer=nn.initializer.Normal(0.0, _DEVIATION))
        self.positions = self.create_parameter([max_len, size], attr=normal)
        count = whole(f"{place}.layers", layers)
        self.layers = nn.LayerList([_Layer(size, max_len, heads) for _ in range(count)])
        self.norm, self.order = LayerNorm(size), Order(max_len)

    def forward(self, embedded, mask, target=None):
        """Returns the vector of each row, 0 for a row without ids."""
        later, last = self.order(mask)
        positions = ops.lookup(ops.integers(later), self.positions, sparse=False)
        x = ops.add(embedded, positions)
        padding = ops.scale(ops.reshape(mask, [-1, 1, 1, self._max_len]), _FORBIDDEN, -_FORBIDDEN)
        padding = ops.stop_gradient(padding)
        for layer in self.layers[:-1]:
            x = layer(x, x, padding, self._max_len)
        own = ops.reshape(weighted_sum(last, x, self._max_len, self._size), [-1, 1, self._size])
        found = self.norm(self.layers[-1](own, x, padding, 1))
        some = ops.stop_gradient(ops.sum(last, 1, keepdim=True))
        return ops.multiply(ops.reshape(found, [-1, self._size]), some)


class _Layer(Part):
    """A layer of self-attention and a feed-forward layer, each on normalised vectors."""

    def __init__(self, size: int, max_len: int, heads: int):
        super().__init__()
        self._max_len, self._heads, self._head_size = max_len, heads, size // heads
        self.norm, self.norm_of_output = LayerNorm(size), LayerNorm(size)
        self.query, self.key, self.value = (Linear(size, size) for _ in range(3))
        self.output = Linear(size, size)
        self.hidden, self.out = Linear(size, size), Linear(size, size)

    def forward(self, own, others, padding, count: int):
        """Returns ``count`` vectors a row, ``[batch, count, size]``.

        Args:
            own: the vectors that ask, ``[batch, count, size]``.
            others: the vectors that they see, ``[batch, max_len, size]``.
            padding: what is added to scores, ``[batch, 1, 1, max_len]``.
            count: how many ask.
        """
        others = self.norm(others)
        asking = others if count == self._max_len else self.norm(own)
        query = self._by_head(self.query(asking), count, [0, 2, 1, 3])
        key = self._by_head(self.key(others), self._max_len, [0, 2, 3, 1])
        value = self._by_head(self.value(others), self._max_len, [0, 2, 1, 3])
        scores = ops.scale(ops.matmul(query, key), 1.0 / math.sqrt(self._head_size))
        found = ops.matmul(ops.softmax(ops.add(scores, padding)), value)
        size = self._heads * self._head_size
        found = ops.reshape(ops.transpose(found, [0, 2, 1, 3]), [-1, count, size])
        x = ops.add(own, self.output(found))
        return ops.add(x, self.out(ops.relu(self.hidden(self.norm_of_output(x)))))

    def _by_head(self, x, count: int, order: list[int]):
        return ops.transpose(ops.reshape(x, [-1, count, self._heads, self._head_size]), order)
