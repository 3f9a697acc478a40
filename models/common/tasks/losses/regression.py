"""Losses of real numbers; z is the logit, which is the prediction, and y the label."""

from __future__ import annotations

import math
from typing import ClassVar

import paddle
import paddle.nn.functional as F

from models.common.tasks.losses.base import NumberLoss, Option, is_number, positive


class _Regression(NumberLoss):
    """A loss of real numbers, which may be transformed."""

    kinds = ("regression",)
    transformable = True
    has_slopes = True


class Squared(_Regression):
    """Squared error: ``l = (z - y)^2``. The prediction estimates the mean."""

    name = "squared"

    def rows(self, logits, labels):
        """Returns the squared error of each row, ``[n, 1]``."""
        return paddle.square(logits - labels)

    def slopes(self, logits, labels):
        """Returns the derivative of each row's loss, ``[n, 1]``."""
        return 2.0 * (logits - labels)


class Absolute(_Regression):
    """Absolute error: ``l = |z - y|``. The prediction estimates the median."""

    name = "absolute"

    def rows(self, logits, labels):
        """Returns the absolute error of each row, ``[n, 1]``."""
        return paddle.abs(logits - labels)

    def slopes(self, logits, labels):
        """Returns the derivative of each row's loss, ``[n, 1]``."""
        return paddle.sign(logits - labels)


class Huber(_Regression):
    r"""Huber loss: squared for small errors, absolute for large ones.

    With :math:`d = z - y`, :math:`l = d^2 / 2` if :math:`|d| \le \delta`, else :math:`\delta (|d| -
    \delta / 2)`. Huber 1964, "Robust Estimation of a Location Parameter",
    https://doi.org/10.1214/aoms/1177703732.

    Options:
        delta: the error from which on the loss is linear, in the unit of the (transformed) label.
    """

    name = "huber"
    OPTIONS: ClassVar = {"delta": positive(1.0)}

    def rows(self, logits, labels):
        """Returns the Huber loss of each row, ``[n, 1]``."""
        return F.smooth_l1_loss(logits, labels, reduction="none", delta=float(self.delta))

    def slopes(self, logits, labels):
        """Returns the derivative of each row's loss, ``[n, 1]``."""
        return paddle.clip(logits - labels, -self.delta, self.delta)


class LogCosh(_Regression):
    r"""Log-cosh: :math:`l = \log \cosh(z - y)`, a smooth form of the Huber loss.

    Saleh and Saleh 2022, "Statistical Properties of the log-cosh Loss Function Used in Machine
    Learning", https://arxiv.org/abs/2208.04564.
    """

    name = "log_cosh"

    def rows(self, logits, labels):
        """Returns the log-cosh of each row's error, ``[n, 1]``."""
        error = logits - labels
        return error + F.softplus(-2.0 * error) - math.log(2.0)  # cosh itself would overflow

    def slopes(self, logits, labels):
        """Returns the derivative of each row's loss, ``[n, 1]``."""
        return paddle.tanh(logits - labels)


class Quantile(_Regression):
    r"""Quantile (pinball) loss: :math:`l = \max(q (y - z), (q - 1) (y - z))`.

    The prediction estimates the label's quantile q. Koenker and Bassett 1978, "Regression
    Quantiles", https://doi.org/10.2307/1913643.

    Options:
        quantile: q. 0.5 is the median: half the absolute error.
    """

    name = "quantile"
    OPTIONS: ClassVar = {
        "quantile": Option(0.5, "a number between 0 and 1", lambda v: is_number(v) and 0 < v < 1)
    }

    def rows(self, logits, labels):
        """Returns the quantile loss of each row, ``[n, 1]``."""
        short = labels - logits
        return paddle.maximum(self.quantile * short, (self.quantile - 1.0) * short)

    def slopes(self, logits, labels):
        """Returns the derivative of each row's loss, ``[n, 1]``."""
        return 0.5 * paddle.sign(logits - labels) + (0.5 - self.quantile)
