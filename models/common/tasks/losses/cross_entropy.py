"""Losses of classes in each row: cross-entropy and focal loss."""

from __future__ import annotations

from typing import ClassVar

import paddle

from models.common.layers.cross_entropy import softmax_cross_entropy
from models.common.tasks.losses.base import ClassLoss, Option, is_number


class CrossEntropy(ClassLoss):
    r"""Softmax cross-entropy: :math:`l = -\log p_y`, with :math:`p = softmax(z)`.

    Of two classes it is the log loss of a Bernoulli variable. Label smoothing replaces the label;
    see `label_smoothing`.
    """

    name = "cross_entropy"
    kinds = ("binary", "multiclass")
    is_cross_entropy = True

    def rows(self, logits, labels):
        """Returns the cross-entropy of each row, ``[n, 1]``."""
        losses = softmax_cross_entropy(logits, labels)
        return losses if self.smoothing is None else self.smoothing.added_to(losses, logits, labels)


class Focal(ClassLoss):
    r"""Focal loss: :math:`l = -(1 - p_y)^\gamma \log p_y`, so that rows predicted well count less.

    Lin et al. 2017, "Focal Loss for Dense Object Detection", equations 4 and 5,
    https://arxiv.org/abs/1708.02002. Its probabilities are not calibrated: the loss is no proper
    scoring rule unless :math:`\gamma = 0`.

    Options:
        gamma: the exponent; 0 is the cross-entropy.
        alpha: the weight of label 1 of a binary task, 1 - alpha that of label 0. None: both are 1.
    """

    name = "focal"
    kinds = ("binary", "multiclass")
    OPTIONS: ClassVar = {
        "gamma": Option(2.0, "a number of at least 0", lambda v: is_number(v) and v >= 0),
        "alpha": Option(
            None, "a number between 0 and 1", lambda v: v is None or (is_number(v) and 0 < v < 1)
        ),
    }

    def __init__(self, kind, class_num, options):
        super().__init__(kind, class_num, options)
        if self.alpha is not None and kind != "binary":
            raise ValueError(
                f"focal: alpha: expected a binary task, found type {kind}: set class_weights"
            )

    def rows(self, logits, labels):
        """Returns the focal loss of each row, ``[n, 1]``."""
        losses = softmax_cross_entropy(logits, labels)
        # 1 - p is 0 in float32 where p is near 1; the power's gradient must stay finite there.
        missed = paddle.clip(-paddle.expm1(-losses), min=1e-12)
        losses = losses * missed**self.gamma
        if self.alpha is None:
            return losses
        positive = paddle.cast(labels, logits.dtype)
        return losses * ((1 - self.alpha) + (2 * self.alpha - 1) * positive)
