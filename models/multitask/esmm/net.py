"""ESMM: click and conversion over all impressions, by the chain rule of probability."""

from __future__ import annotations

import paddle

from models.common.checks import Sizes, layer_sizes, probability, whole
from models.common.contract.net import MultiTaskNet
from models.common.layers import ops
from models.common.layers.dense import Linear, Part, mlp


class ESMMLayer(MultiTaskNet):
    r"""Entire-space multi-task model: :math:`p_{ctcvr} = p_{ctr} \cdot p_{cvr}`.

    Ma et al. 2018, "Entire Space Multi-Task Model", https://arxiv.org/abs/1804.07931. The outputs
    are, in this order: the click rate of an impression, the conversion rate of a click, and the
    rate of impressions with click and conversion. The loss covers all impressions, for click and
    for click-and-convert (equation 3). An impression without a click has no conversion label, so
    the second output has no loss (``weight: 0`` among the tasks).

    Args:
        feature_size: number of input features.
        task_num: 3.
        ctr_tower_size: size of the click tower's hidden layer, or of each of several.
        cvr_tower_size: the same of the conversion tower.
        dropout: probability that a hidden output is dropped while training.

    Raises:
        ValueError: an argument is out of range.
    """

    task_types = ("binary",)  # it multiplies probabilities
    no_images = "clicks and conversions are binary labels of features"

    def __init__(
        self,
        feature_size: int,
        task_num: int = 3,
        ctr_tower_size: Sizes = (64, 32),
        cvr_tower_size: Sizes = (64, 32),
        dropout: float = 0.0,
    ):
        super().__init__(whole("task_num", task_num))
        if task_num != 3:
            raise ValueError(
                f"hyper_parameters.task_num: ESMM has 3 outputs, ctr, cvr, ctcvr; found {task_num}"
            )
        whole("feature_size", feature_size)
        probability("dropout", dropout)
        self.ctr = Tower(feature_size, "ctr_tower_size", ctr_tower_size, dropout)
        self.cvr = Tower(feature_size, "cvr_tower_size", cvr_tower_size, dropout)

    def logits(self, features):
        r"""Returns logits ``[3, batch, 2]`` of features ``[batch, feature_size]``.

        With log-odds a and b of click and conversion, :math:`1/p_{ctcvr} = (1 + e^{-a})(1 +
        e^{-b})`. So the odds against click-and-convert are :math:`e^{-a} + e^{-b} + e^{-a-b}`. A
        product of the two probabilities would underflow.
        """
        return ops.composite(_all_logits, self.ctr(features), self.cvr(features))


def _all_logits(click, conversion):
    """Returns logits ``[3, batch, 2]`` of log-odds ``[batch, 1]``."""
    against = paddle.concat([-click, -conversion, -click - conversion], axis=1)
    against = paddle.logsumexp(against, axis=1, keepdim=True)
    even = paddle.zeros_like(click)
    return paddle.stack(
        [
            paddle.concat([even, click], axis=1),
            paddle.concat([even, conversion], axis=1),
            paddle.concat([against, even], axis=1),
        ]
    )


class Tower(Part):
    """Hidden layers and one log-odds, ``[batch, in_size]`` to ``[batch, 1]``."""

    def __init__(self, in_size: int, name: str, sizes: Sizes, dropout: float):
        super().__init__()
        sizes = layer_sizes(name, sizes)
        self.hidden = mlp(in_size, sizes, dropout)
        self.output = Linear(sizes[-1] if sizes else in_size, 1)

    def forward(self, x):
        """Returns the log-odds."""
        return self.output(self.hidden(x))
