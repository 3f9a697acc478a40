"""DCN-v2: cross layers, each of which multiplies the features once more."""

from __future__ import annotations

from paddle import nn

from datasets.readers import checks
from models.common.checks import Sizes, layer_sizes, probability, whole
from models.common.layers import ops
from models.common.layers.dense import Linear, Part, mlp, xavier
from models.common.layout import Layout

_PLACE = "hyper_parameters.bottom"


class DcnV2(Part):
    r"""Cross layers of the improved deep and cross network.

    Wang et al. 2021, "DCN V2: Improved Deep & Cross Network and Practical Lessons for Web-scale
    Learning to Rank Systems", https://arxiv.org/abs/2008.13535. Equation 1:
    :math:`x_{l+1} = x_0 \odot (W_l x_l + b_l) + x_l`. With a rank r, :math:`W_l = U_l V_l^T`
    (equation 2), where U and V are ``[size, r]``. With several experts (equations 3 and 4),
    :math:`x_{l+1} = \sum_i G_i(x_l) \, x_0 \odot (U_l^i V_l^{iT} x_l + b_l) + x_l`, where G is
    a softmax of a linear layer.

    Args:
        layout: the features.
        layers: the number of cross layers.
        rank: the rank of W; 0 for a full matrix.
        experts: the number of products of low rank that a gate mixes; 1 for no gate.
        hidden: the sizes of a perceptron's layers; none without sizes.
        structure: ``stacked``: the perceptron reads the crossed features; ``parallel``: it reads
            the features, and its output stands beside the crossed ones.
        dropout: probability that a hidden output is dropped while training.

    Shapes:
        ``[batch, size]`` to ``[batch, size]``; with a perceptron to ``[batch, hidden[-1]]``
        (stacked) or ``[batch, size + hidden[-1]]`` (parallel).
    """

    def __init__(
        self,
        layout: Layout,
        *,
        layers: int = 2,
        rank: int = 0,
        experts: int = 1,
        hidden: Sizes = (),
        structure: str = "stacked",
        dropout: float = 0.0,
    ):
        super().__init__()
        size = layout.size
        whole("bottom.rank", rank, minimum=0)
        if whole("bottom.experts", experts) > 1 and not rank:
            checks.fail(f"{_PLACE}.rank", "a rank of at least 1 for experts", rank)
        sizes = layer_sizes("bottom.hidden", hidden)
        structures = ("stacked", "parallel")
        self._parallel = checks.choice(f"{_PLACE}.structure", structure, structures) == "parallel"
        probability("bottom.dropout", dropout)
        for name, is_set in (("structure", self._parallel), ("dropout", dropout)):
            if is_set and not sizes:
                problem = "it has no effect without hidden, the sizes of the perceptron"
                raise ValueError(f"{_PLACE}.{name}: {problem}")
        crosses = [
            _LowRank(size, rank, experts) if rank else Linear(size, size)
            for _ in range(whole("bottom.layers", layers))
        ]
        self.crosses = nn.LayerList(crosses)
        self.deep = mlp(size, sizes, dropout)
        self.out_size = (size if self._parallel or not sizes else 0) + sum(sizes[-1:])

    def forward(self, x):
        """Returns the crossed features, through or beside the perceptron."""
        crossed = x
        for cross in self.crosses:
            crossed = ops.add(ops.multiply(x, cross(crossed)), crossed)
        return ops.concat([crossed, self.deep(x)], 1) if self._parallel else self.deep(crossed)


class _LowRank(Part):
    """The product ``U V^T x + b``, or a mixture of several of them."""

    def __init__(self, size: int, rank: int, experts: int):
        super().__init__()
        self._shape = [-1, experts, rank]
        width = experts * rank
        self.down = self.create_parameter([size, width], attr=xavier(size, rank))
        self.up = self.create_parameter([width, size], attr=xavier(rank, size))
        self.bias = self.create_parameter([size], is_bias=True)
        self.gate = Linear(size, experts) if experts > 1 else None

    def forward(self, x):
        """Maps ``[batch, size]`` to the same."""
        inner = ops.linear(x, self.down)
        if self.gate is not None:  # the gates sum to 1, so the bias needs none
            gates = ops.reshape(ops.softmax(self.gate(x)), [*self._shape[:2], 1])
            inner = ops.multiply(ops.reshape(inner, self._shape), gates)
            inner = ops.reshape(inner, [-1, self._shape[1] * self._shape[2]])
        return ops.linear(inner, self.up, self.bias)
