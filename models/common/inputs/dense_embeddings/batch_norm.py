"""Batch normalisation of dense numbers."""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import nn

from models.common.layers import ops
from models.common.layers.dense import Part

_MOMENTUM, _EPSILON = 0.9, 1e-5


class BatchNorm(Part):
    r"""Normalises each column: :math:`\gamma (x - mean) / \sqrt{variance + 10^{-5}} + \beta`.

    Ioffe and Szegedy 2015, "Batch Normalization: Accelerating Deep Network Training by Reducing
    Internal Covariate Shift", https://arxiv.org/abs/1502.03167. In training, mean and variance are
    those of the batch, and each batch moves the running ones by a tenth of the difference.
    Evaluation and exports use the running ones, which checkpoints contain. Paddle leaves a batch
    of one row as it is.

    Args:
        dense_num: the number of columns.

    Shapes:
        ``[batch, dense_num]`` to the same.
    """

    def __init__(self, dense_num: int):
        super().__init__()
        self.out_size, shape = dense_num, [dense_num]
        ones = nn.initializer.Constant(1.0)
        self.weight = self.create_parameter(shape, default_initializer=ones)
        self.bias = self.create_parameter(shape, is_bias=True)
        self.mean, self.variance = (self._running(shape, value) for value in (0.0, 1.0))
        self._function = self._normalised  # one object, which the fast step compares

    def _running(self, shape: list[int], value: float) -> paddle.Tensor:
        attr = paddle.ParamAttr(initializer=nn.initializer.Constant(value), trainable=False)
        statistic = self.create_parameter(shape, attr=attr)
        statistic.stop_gradient = True
        return statistic

    def forward(self, x):
        """Returns the normalised columns."""
        return ops.composite(self._function, x, self.weight, self.bias)

    def _normalised(self, x, weight, bias):
        statistics = (self.mean, self.variance, weight, bias)
        return F.batch_norm(x, *statistics, self.training, _MOMENTUM, _EPSILON)
