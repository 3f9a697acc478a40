"""Activations of DIN's unit; they see the mask, because Dice's statistics are of real ids only."""

from __future__ import annotations

from paddle import ParamAttr, nn

from models.common.layers import ops
from models.common.layers.dense import Part

_MOMENTUM = 0.9  # of the running statistics
_EPSILON = 1e-8  # as in the paper
_SLOPE = 0.25  # of negative numbers at the start, as in PReLU's paper


class Sigmoid(Part):
    """The logistic function."""

    def __init__(self, size: int):
        super().__init__()

    def forward(self, x, shares):
        """Maps ``[rows, size]`` to the same."""
        return ops.sigmoid(x)


class PRelu(Part):
    r"""PReLU: :math:`x` where it is positive, otherwise :math:`\alpha x` with a learned alpha.

    He et al. 2015, https://arxiv.org/abs/1502.01852.

    Args:
        size: the number of columns, each of which has its alpha; 0.25 at the start.
    """

    def __init__(self, size: int):
        super().__init__()
        start = ParamAttr(initializer=nn.initializer.Constant(_SLOPE))
        self.slope = self.create_parameter([size], attr=start)

    def forward(self, x, shares):
        """Maps ``[rows, size]`` to the same."""
        positive = ops.relu(x)
        return ops.add(positive, ops.multiply(ops.subtract(x, positive), self.slope))


class Dice(Part):
    r"""Dice, DIN's activation: :math:`p(x) x + (1 - p(x)) \alpha x`.

    Zhou et al. 2018, https://arxiv.org/abs/1706.06978, equation 3, where
    :math:`p(x) = 1 / (1 + e^{-(x - mean) / \sqrt{variance + 10^{-8}}})`. Mean and variance are
    those of the batch's real ids in training, and moving averages of them otherwise. The averages
    are parameters that no optimizer changes, so checkpoints and exported models contain them.

    Args:
        size: the number of columns, each of which has its alpha; 0 at the start.
    """

    def __init__(self, size: int):
        super().__init__()
        zeros = nn.initializer.Constant(0.0)
        self.slope = self.create_parameter([size], attr=ParamAttr(initializer=zeros))
        self.mean = self._statistic(size, 0.0)
        self.variance = self._statistic(size, 1.0)

    def _statistic(self, size: int, value: float):
        start = ParamAttr(initializer=nn.initializer.Constant(value), trainable=False)
        parameter = self.create_parameter([1, size], attr=start)
        parameter.stop_gradient = True
        return parameter

    def forward(self, x, shares):
        """Maps ``[rows, size]`` to the same.

        Args:
            x: the numbers, a row an id.
            shares: the share of each id in the statistics, ``[1, rows]``; 0 for padding. None
                outside of training.
        """
        mean, variance = self.mean, self.variance
        if self.training:
            mean = ops.matmul(shares, x)
        centred = ops.subtract(x, ops.reshape(mean, [-1]))  # [1, size] would be slower
        if self.training:
            variance = ops.matmul(shares, ops.square(centred))
            ops.moving_average(self.mean, mean, _MOMENTUM)
            ops.moving_average(self.variance, variance, _MOMENTUM)
        deviation = ops.reshape(ops.rsqrt(ops.scale(variance, 1.0, _EPSILON)), [-1])
        kept = ops.multiply(x, ops.sigmoid(ops.multiply(centred, deviation)))
        return ops.add(kept, ops.multiply(ops.subtract(x, kept), self.slope))


KINDS = {"dice": Dice, "prelu": PRelu, "sigmoid": Sigmoid}
