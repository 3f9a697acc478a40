"""Layer normalisation."""

from __future__ import annotations

from paddle import nn

from models.common.layers import ops
from models.common.layers.dense import Part


class LayerNorm(Part):
    r"""Normalises the last axis: :math:`g (x - mean) / \sqrt{variance + 10^{-5}} + b`.

    Ba et al. 2016, "Layer Normalization", https://arxiv.org/abs/1607.06450.

    Args:
        size: the size of the last axis.

    Shapes:
        ``[..., size]`` to the same.
    """

    def __init__(self, size: int):
        super().__init__()
        ones = nn.initializer.Constant(1.0)
        self.gain = self.create_parameter([size], default_initializer=ones)
        self.bias = self.create_parameter([size], is_bias=True)

    def forward(self, x):
        """Returns the normalised values."""
        return ops.layer_norm(x, self.gain, self.bias)
