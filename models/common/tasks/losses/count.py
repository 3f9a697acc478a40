"""The loss of counts."""

from __future__ import annotations

import paddle

from models.common.tasks.losses.base import LARGEST_EXPONENT, NumberLoss, bounded_exp


class Poisson(NumberLoss):
    r"""Poisson regression: :math:`l = e^z - y z`, where :math:`e^z` is the predicted mean.

    It is the negative log-likelihood of a Poisson variable without :math:`\log y!`, which does not
    depend on z. Cameron and Trivedi 2013, "Regression Analysis of Count Data", section 3.2. Above
    z = 30 the tangent continues :math:`e^z`, so that loss and gradient stay finite.
    """

    name = "poisson"
    kinds = ("count",)
    nonnegative = True
    has_slopes = True

    def rows(self, logits, labels):
        """Returns the Poisson loss of each row, ``[n, 1]``."""
        bounded = paddle.clip(logits, max=LARGEST_EXPONENT)
        return paddle.exp(bounded) * (1.0 + logits - bounded) - labels * logits

    def slopes(self, logits, labels):
        """Returns the derivative of each row's loss, ``[n, 1]``."""
        return bounded_exp(logits) - labels

    def prediction(self, logits):
        """Returns the mean, ``[n, 1]``."""
        return bounded_exp(logits)
