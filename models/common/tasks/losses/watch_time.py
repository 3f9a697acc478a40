"""Losses of numbers that are often 0 and else widely spread, such as watch time and spend."""

from __future__ import annotations

import math
from typing import Any, ClassVar

import paddle
import paddle.nn.functional as F

from models.common.tasks.losses.base import NumberLoss, Option, bounded_exp, is_number

_LEAST_DEVIATION = 1e-3


class WeightedLogistic(NumberLoss):
    r"""Logistic regression whose odds are the expected number.

    :math:`l = y \log(1 + e^{-z}) + \log(1 + e^z)`, and the prediction is the odds :math:`e^z`.
    Covington et al. 2016, "Deep Neural Networks for YouTube Recommendations", section 4.2,
    https://doi.org/10.1145/2959100.2959190.

    Every row is a negative of weight 1, and a positive whose weight is its watch time y. The loss
    is least where :math:`e^z = E[y]`. In the paper only rows without a click are negatives. The
    odds then estimate :math:`E[y] / P(y = 0)`, which is near E[y] only if clicks are rare.
    """

    name = "weighted_logistic"
    kinds = ("regression",)
    nonnegative = True
    has_slopes = True

    def rows(self, logits, labels):
        """Returns the loss of each row, ``[n, 1]``."""
        negative = F.softplus(logits)
        return negative + labels * (negative - logits)

    def slopes(self, logits, labels):
        """Returns the derivative of each row's loss, ``[n, 1]``."""
        return F.sigmoid(logits) * (1.0 + labels) - labels

    def prediction(self, logits):
        """Returns the mean, ``[n, 1]``."""
        return bounded_exp(logits)


class Ziln(NumberLoss):
    r"""Zero-inflated lognormal: a probability of more than 0, and a lognormal distribution there.

    Wang et al. 2019, "A Deep Probabilistic Model for Customer Lifetime Value Prediction",
    https://arxiv.org/abs/1912.07753. The logits are :math:`a, \mu, s`, with :math:`p = 1 / (1 +
    e^{-a})` and :math:`\sigma = \log(1 + e^s)`, at least 0.001. The loss is

    .. math::
        l = -[y = 0] \log(1 - p) - [y > 0] \log p + [y > 0] \left(\log(y \sigma \sqrt{2 \pi})
        + \frac{(\log y - \mu)^2}{2 \sigma^2}\right)

    The prediction is the mean :math:`p e^{\mu + \sigma^2 / 2}`.
    """

    name = "ziln"
    kinds = ("regression",)
    nonnegative = True

    def logit_num(self, class_num: int) -> int:
        """Returns 3: the log-odds of more than 0, and the lognormal's two parameters."""
        return 3

    def rows(self, logits, labels):
        """Returns the negative log-likelihood of each row, ``[n, 1]``."""
        odds, mean, deviation = self._parameters(logits)
        positive = paddle.cast(labels > 0, logits.dtype)
        # The logarithm of 1 in rows of 0: a gradient of 0 * log(0) would be NaN.
        log = paddle.log(paddle.where(labels > 0, labels, paddle.ones_like(labels)))
        scaled = (log - mean) / deviation
        lognormal = log + paddle.log(deviation) + 0.5 * scaled * scaled
        zero = F.binary_cross_entropy_with_logits(odds, positive, reduction="none")
        return zero + positive * (lognormal + 0.5 * math.log(2.0 * math.pi))

    def prediction(self, logits):
        """Returns the mean, ``[n, 1]``."""
        odds, mean, deviation = self._parameters(logits)
        return F.sigmoid(odds) * bounded_exp(mean + 0.5 * deviation * deviation)

    def _parameters(self, logits) -> tuple:
        """Returns the log-odds of more than 0, and the lognormal's mu and sigma."""
        odds, mean, deviation = paddle.split(logits, 3, axis=-1)
        softplus = -F.log_sigmoid(-deviation)  # paddle2onnx converts no softplus of Paddle 3
        return odds, mean, paddle.clip(softplus, min=_LEAST_DEVIATION)


def _increasing(values: Any) -> bool:
    """Returns whether a value of a YAML is a list of at least two increasing positive numbers."""
    if not isinstance(values, list) or len(values) < 2 or not all(map(is_number, values)):
        return False
    return values[0] > 0 and all(a < b for a, b in zip(values, values[1:]))


class Ordinal(NumberLoss):
    r"""Watch time in ordered bins: one log-odds a threshold t, that the number is above it.

    :math:`l = \frac{1}{M} \sum_{m=1}^{M} \left(\log(1 + e^{z_m}) - [y > t_m] z_m\right)`.
    These are M binary cross-entropies: Frank and Hall 2001, "A Simple Approach to Ordinal
    Classification", https://doi.org/10.1007/3-540-44795-4_13.

    The prediction is :math:`v_0 + \sum_m (v_m - v_{m-1}) P(y > t_m)`, as Sun et al. 2024, "CREAD",
    https://arxiv.org/abs/2401.07521, restore it. Here :math:`v_m` is the middle of the bin from
    :math:`t_m` to :math:`t_{m+1}`, with :math:`t_0 = 0`. The last bin has no end, so :math:`v_M =
    t_M` is the largest prediction.

    Options:
        thresholds: t, at least two increasing positive numbers in the label's unit.
    """

    name = "ordinal"
    kinds = ("regression",)
    OPTIONS: ClassVar = {
        "thresholds": Option(
            None, "a list of at least two increasing positive numbers", _increasing
        )
    }
    nonnegative = True

    def __init__(self, kind, class_num, options):
        if "thresholds" not in options:
            expected = self.OPTIONS["thresholds"].expected
            raise ValueError(f"ordinal: thresholds: expected {expected}, found none")
        super().__init__(kind, class_num, options)
        edges = [0.0, *self.thresholds]
        middles = [(low + high) / 2 for low, high in zip(edges, edges[1:])] + edges[-1:]
        self._first, self._steps = middles[0], [b - a for a, b in zip(middles, middles[1:])]

    def logit_num(self, class_num: int) -> int:
        """Returns the number of thresholds; it is known once the options are."""
        return len(self.thresholds)

    def rows(self, logits, labels):
        """Returns the mean cross-entropy of each row, ``[n, 1]``."""
        above = labels > paddle.to_tensor(self.thresholds, dtype=labels.dtype)
        above = paddle.cast(above, logits.dtype)
        losses = F.binary_cross_entropy_with_logits(logits, above, reduction="none")
        return losses.mean(axis=-1, keepdim=True)

    def prediction(self, logits):
        """Returns the restored number, ``[n, 1]``."""
        steps = paddle.to_tensor(self._steps, dtype=logits.dtype)
        return self._first + (F.sigmoid(logits) * steps).sum(axis=-1, keepdim=True)
