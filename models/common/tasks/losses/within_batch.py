"""Losses that compare the rows of a batch, or of a group in it: pairwise and JRC.

Rows of other batches, and of other processes, are not compared. With ``within``, memory grows with
the square of the batch; pairs always take that much.
"""

from __future__ import annotations

from typing import ClassVar

import paddle
import paddle.nn.functional as F

from models.common.layers.cross_entropy import softmax_cross_entropy
from models.common.tasks.losses.base import ClassLoss, Option, share

_LEAST = 1e-30  # instead of a sum of 0, which is divided into 0
_ABSENT = -1e9  # the logit of a row that is not compared


class _WithinBatch(ClassLoss):
    """A mixture of cross-entropy and a loss that compares rows."""

    kinds = ("binary",)
    WITHIN = Option(
        None,
        "the name of a sparse field",
        lambda value: value is None or (isinstance(value, str) and bool(value.strip())),
    )

    def rows(self, logits, labels):
        """Returns the cross-entropy of each row, ``[n, 1]``: the part that a row has alone."""
        return softmax_cross_entropy(logits, labels)


class Pairwise(_WithinBatch):
    r"""Pairs of a positive and a negative, beside the cross-entropy.

    :math:`L = (1 - a) \sum_i w_i l_i + a W \frac{\sum_{ij} w_i w_j \log(1 + e^{s_j - s_i})}
    {\sum_{ij} w_i w_j}`, where i are the positives, j the negatives of the batch or of i's group, s
    is the log-odds, l the cross-entropy, w a row's weight and W the sum of all. A batch without
    such a pair has the first term only.

    The pairs' loss is RankNet's: Burges et al. 2005, "Learning to Rank using Gradient Descent",
    https://doi.org/10.1145/1102351.1102363; BPR (Rendle et al. 2009,
    https://arxiv.org/abs/1205.2618) is the same of a user's items. The mixture is that of Sculley
    2010, "Combined Regression and Ranking", https://doi.org/10.1145/1835804.1835928.

    Options:
        weight: a. With 1 the order is trained alone, and probabilities have no meaning.
        within: the sparse field whose values are the groups, such as ``user_id``. None: the batch
            is one group.
    """

    name = "pairwise"
    OPTIONS: ClassVar = {"weight": share(0.5), "within": _WithinBatch.WITHIN}

    def total(self, logits, labels, weights, groups=None):
        """Returns the loss of a batch, a scalar."""
        rows = super().total(logits, labels, weights)
        log_odds = logits[:, 1:] - logits[:, :1]
        whole = weights.sum()
        share = weights / paddle.clip(whole, min=_LEAST)  # products of small weights underflow
        positive = share * paddle.cast(labels, logits.dtype)
        pairs = positive * paddle.transpose(share - positive, [1, 0])
        if groups is not None:
            pairs = pairs * paddle.cast(_same(groups), logits.dtype)
        losses = F.softplus(paddle.transpose(log_odds, [1, 0]) - log_odds)
        mean = (pairs * losses).sum() / paddle.clip(pairs.sum(), min=_LEAST)
        return (1.0 - self.weight) * rows + self.weight * whole * mean


class Jrc(_WithinBatch):
    r"""Joint optimisation of ranking and calibration, with two logits a row.

    :math:`L = \sum_i w_i \left(-\alpha \log \frac{e^{f_i[y_i]}}{\sum_c e^{f_i[c]}} - (1 - \alpha)
    \log \frac{e^{f_i[y_i]}}{\sum_{j} e^{f_j[y_i]}}\right)`, where f are the logits and j are the
    rows of the batch, or of i's group, that count. The first term is the cross-entropy. The second
    term raises a row's logit of its class above those of the other rows.

    Sheng et al. 2023, "Joint Optimization of Ranking and Calibration with Contextualized Hybrid
    Model", https://arxiv.org/abs/2208.06164.

    Options:
        alpha: the share of the cross-entropy.
        within: the sparse field whose values are the groups (the paper's context), such as a
            session or ``user_id``. None: the batch is one group.
    """

    name = "jrc"
    OPTIONS: ClassVar = {"alpha": share(0.5), "within": _WithinBatch.WITHIN}

    def total(self, logits, labels, weights, groups=None):
        """Returns the loss of a batch, a scalar."""
        calibration = super().total(logits, labels, weights)
        absent = _ABSENT * paddle.cast(weights <= 0, logits.dtype)
        compared = logits + absent
        if groups is None:
            context = paddle.logsumexp(compared, axis=0, keepdim=True)
        else:
            others = _ABSENT * (1.0 - paddle.cast(_same(groups), logits.dtype))
            # [n, n, 2]: row i, the rows j of its group, their logits.
            compared = compared.unsqueeze(0) + others.unsqueeze(2)
            context = paddle.logsumexp(compared, axis=1)
        label = paddle.cast(labels, logits.dtype)
        ranking = context - logits
        ranking = ranking[:, :1] + label * (ranking[:, 1:] - ranking[:, :1])
        return self.alpha * calibration + (1.0 - self.alpha) * (ranking * weights).sum()


def _same(groups):
    """Returns whether two rows are of one group, ``[n, n]``, for groups ``[n, 1]``."""
    return groups == paddle.transpose(groups, [1, 0])
