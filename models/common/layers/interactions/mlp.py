"""A shared multi-layer perceptron."""

from __future__ import annotations

from models.common.checks import Sizes, layer_sizes, probability
from models.common.layers.dense import Part, mlp
from models.common.layout import Layout


class Mlp(Part):
    r"""A multi-layer perceptron before the net: :math:`h_{l+1} = relu(W_l h_l + b_l)`.

    Args:
        layout: the features.
        hidden: the size of each layer.
        dropout: probability that an output is dropped while training.

    Shapes:
        ``[batch, layout.size]`` to ``[batch, hidden[-1]]``.
    """

    def __init__(self, layout: Layout, *, hidden: Sizes = (256, 128), dropout: float = 0.0):
        super().__init__()
        sizes = layer_sizes("bottom.hidden", hidden, minimum=1)
        self.layers = mlp(layout.size, sizes, probability("bottom.dropout", dropout))
        self.out_size = sizes[-1]

    def forward(self, x):
        """Returns the last layer's outputs."""
        return self.layers(x)
