"""DIN's pooling: each id counts by how well it matches a target."""

from __future__ import annotations

from paddle import nn

from datasets.readers import checks
from models.common.checks import Sizes, flag, layer_sizes
from models.common.hyper_parameters import SECTION
from models.common.inputs.pooling.activations import KINDS
from models.common.inputs.pooling.order import weighted_sum
from models.common.layers import ops
from models.common.layers.dense import Linear, Part, xavier

_FORBIDDEN = 1e9  # is subtracted from a padding's score before a softmax
_SMALLEST = 1e-12


class Din(Part):
    r"""The sum of the embeddings, weighted by an activation unit that sees the target.

    Zhou et al. 2018, "Deep Interest Network for Click-Through Rate Prediction",
    https://arxiv.org/abs/1706.06978, equation 2: :math:`\sum_i a(e_i, t) e_i`. The unit ``a`` is a
    perceptron on :math:`[e_i, t, e_i - t, e_i \odot t]` with one output. Its first layer is written
    as :math:`e_i (W_e + diag(t) W_p) + t W_t + b`: the difference adds no function to these, and
    the target's part is computed once a row.

    Args:
        place: the hyper-parameter that chooses the pooling.
        size: the size of an embedding.
        max_len: ids a row.
        activation: ``dice``, ``prelu`` or ``sigmoid``, behind each hidden layer.
        hidden: the sizes of the unit's hidden layers.
        softmax: whether a softmax over the row's ids makes weights of the unit's outputs. The
            paper takes the outputs themselves, so that their sum tells the interest's strength.

    Shapes:
        embeddings ``[batch, max_len, size]``, mask ``[batch, max_len]`` and target
        ``[batch, size]`` to ``[batch, size]``.
    """

    def __init__(
        self,
        place: str,
        size: int,
        max_len: int,
        *,
        activation: str = "dice",
        hidden: Sizes = (80, 40),
        softmax: bool = False,
    ):
        super().__init__()
        self._size, self._max_len = size, max_len
        self._softmax = flag(f"{place}.softmax", softmax)
        kind = KINDS[checks.choice(f"{SECTION}.{place}.activation", activation, tuple(KINDS))]
        sizes = layer_sizes(f"{place}.hidden", hidden, minimum=1)
        first = sizes[0]
        self.of_item = self.create_parameter([size, first], attr=xavier(3 * size, first))
        self.of_product = self.create_parameter([size, first], attr=xavier(3 * size, first))
        self.of_target = Linear(size, first)
        layers = [Linear(*shape) for shape in zip(sizes, [*sizes[1:], 1])]
        self.layers = nn.LayerList(layers)
        self.activations = nn.LayerList([kind(width) for width in sizes])
        self._first = first

    def forward(self, embedded, mask, target):
        """Returns the vector of each row, 0 for a row without ids."""
        shares = self._shares(mask) if self.training else None
        column = ops.reshape(target, [-1, self._size, 1])
        matrices = ops.add(ops.multiply(column, self.of_product), self.of_item)
        by_target = ops.reshape(self.of_target(target), [-1, 1, self._first])
        # A column of ones adds the target's part: a product does so faster than a broadcast sum.
        ones = ops.scale(ops.reshape(mask, [-1, self._max_len, 1]), 0.0, 1.0)
        items = ops.concat([embedded, ones], 2)
        x = ops.matmul(items, ops.concat([matrices, by_target], 1))
        x = ops.reshape(x, [-1, self._first])
        for activation, layer in zip(self.activations, self.layers):
            x = layer(activation(x, shares))
        scores = ops.reshape(x, [-1, self._max_len])
        if self._softmax:
            scores = ops.softmax(ops.add(scores, ops.scale(mask, _FORBIDDEN, -_FORBIDDEN)))
        return weighted_sum(ops.multiply(scores, mask), embedded, self._max_len, self._size)

    @staticmethod
    def _shares(mask):
        """Returns the share of each id in a mean over all real ids, ``[1, batch * max_len]``."""
        places = ops.reshape(mask, [1, -1])
        count = ops.scale(ops.sum(places, 1, keepdim=True), 1.0, _SMALLEST)
        return ops.stop_gradient(ops.divide(places, count))
