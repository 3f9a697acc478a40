"""DSelect-k's gates: each task learns by gradients which k experts it uses."""

from __future__ import annotations

import math

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import nn

from models.common.layers.dense import Linear, Part

_TINY = 1e-6  # keeps the logarithm of 0 finite


def smooth_step(t, gamma: float):
    r"""Returns a smooth step from exactly 0 to exactly 1.

    :math:`S(t) = -\frac{2}{\gamma^3} t^3 + \frac{3}{2\gamma} t + \frac12` where
    :math:`|t| \le \gamma/2` (Hazimeh et al. 2021, equation 5).
    """
    t = t.clip(min=-gamma / 2, max=gamma / 2)
    return (-2.0 / gamma**3) * t**3 + (1.5 / gamma) * t + 0.5


class DSelectK(Part):
    r"""The gates of all tasks: weights over the experts, at most k of them not 0.

    Hazimeh et al. 2021, "DSelect-k", https://arxiv.org/abs/2106.03760. Selector i of a task
    reads its expert's number from m bits: :math:`r(z)_e = \prod_j S(z_j)^{b_{ej}} (1 -
    S(z_j))^{1 - b_{ej}}`, and the gate is :math:`q = \sum_{i=1}^k \mathrm{softmax}(\alpha)_i
    r(z^{(i)})` (equations 4 and 6). A selector whose bits have reached 0 or 1 chooses one expert.

    Args:
        task_num: gates.
        expert_num: any number of experts; m is the number of bits needed to number them.
        k: selectors of a gate: the largest number of experts that a task uses.
        gamma: width of the smooth step.
        in_size: size of the input from which bits and :math:`\alpha` are computed for every
            example (section 3.2); None for static gates, whose parameters are the task's alone.
    """

    def __init__(
        self, task_num: int, expert_num: int, k: int, gamma: float, in_size: int | None = None
    ):
        super().__init__()
        self.expert_num, self.k, self.gamma, self.task_num = expert_num, k, gamma, task_num
        self.bit_num = max(1, math.ceil(math.log2(expert_num)))
        numbers = np.arange(expert_num)[:, None] >> np.arange(self.bit_num)
        self._codes = (numbers & 1).astype(np.float32).T  # [bits, experts]
        selectors = task_num * k
        # Wide enough for a gate's selectors to start towards different experts. Selectors that
        # all start near 0 see the same gradients, and end at the same expert.
        start = nn.initializer.Uniform(-gamma / 4, gamma / 4)
        self.per_example = in_size is not None
        if self.per_example:
            narrow = paddle.ParamAttr(initializer=nn.initializer.Uniform(-gamma / 100, gamma / 100))
            bias = paddle.ParamAttr(initializer=start)
            self.bits_of = nn.Linear(in_size, selectors * self.bit_num, narrow, bias)
            self.weights_of = Linear(in_size, selectors)
        else:
            self.bits_logits = self.create_parameter(
                [1, task_num, k, self.bit_num], attr=paddle.ParamAttr(initializer=start)
            )
            attr = paddle.ParamAttr(initializer=nn.initializer.Uniform(-0.05, 0.05))
            self.weight_logits = self.create_parameter([1, task_num, k], attr=attr)

    def forward(self, x):
        """Returns the weights ``[batch, task_num, expert_num]``; batch is 1 for static gates."""
        selectors, weights = self.selectors(x)
        return (selectors * weights.unsqueeze(-1)).sum(axis=2)

    def selectors(self, x):
        """Returns selectors ``[batch, task_num, k, expert_num]`` and weights ``[.., k]``."""
        shape = [-1, self.task_num, self.k]
        if self.per_example:
            bits = self.bits_of(x).reshape([*shape, self.bit_num])
            weights = self.weights_of(x).reshape(shape)
        else:
            bits, weights = self.bits_logits, self.weight_logits
        steps = smooth_step(bits, self.gamma)
        selectors = 1.0
        for bit, code in enumerate(self._codes):
            step, code = steps[:, :, :, bit].unsqueeze(-1), paddle.assign(code)
            selectors = selectors * (step * code + (1.0 - step) * (1.0 - code))
        return selectors, F.softmax(weights)

    def penalty(self, selectors, entropy: float):
        r"""Returns the penalty that makes each selector decide for one expert.

        The mean over the batch of :math:`\lambda \sum_{t,i} h(r(z^{(i)}_t))` with the entropy h. If
        expert_num is not a power of two, :math:`\lambda \sum_{t,i} 1 / \sum_e r(z^{(i)}_t)_e` is
        added. It keeps selectors away from numbers that no expert has.
        """
        surprise = -(selectors * (selectors + _TINY).log()).sum(axis=-1)
        if self.expert_num & (self.expert_num - 1):
            surprise = surprise + 1.0 / (selectors.sum(axis=-1) + _TINY)
        return entropy * surprise.sum(axis=[1, 2]).mean()
