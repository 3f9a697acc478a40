r"""Label smoothing: every label gives a share e of its weight to all classes alike.

Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision", section 7,
https://arxiv.org/abs/1512.00567. With C classes the label y becomes :math:`q_c = (1 - e) [c = y] +
e / C`. With logits z the cross-entropy with q is the one with y plus :math:`\sum_c t_c z_c`, where
:math:`t_c = e ([c = y] - 1 / C)`, because the t sum to 0. So t is added to the gradient.
"""

from __future__ import annotations

import numpy as np
import paddle
from paddle import _C_ops


class Smoothing:
    """The addition of label smoothing to a loss.

    Args:
        share: e, in [0, 1).
        class_num: the number of classes of the task.

    Attributes:
        share: e.
    """

    def __init__(self, share: float, class_num: int):
        self.share = share
        rows = share * (np.eye(class_num) - 1 / class_num)
        self._table = np.concatenate([np.zeros([1, class_num]), rows]).astype(np.float32)
        self._last = class_num - 1.0
        self._tensor = None

    def pull(self, labels):
        """Returns t, ``[..., class_num]``, for labels ``[..., 1]``; 0 where a label is negative."""
        if not paddle.in_dynamic_mode():
            return paddle.gather_nd(paddle.assign(self._table), paddle.clip(labels, min=-1) + 1)
        if self._tensor is None:
            self._tensor = paddle.to_tensor(self._table)
        rows = _C_ops.scale(_C_ops.clip(labels, -1.0, self._last), 1.0, 1.0, True)  # plus 1
        return _C_ops.gather_nd(self._tensor, rows)

    def added_to(self, losses, logits, labels):
        """Returns losses ``[..., 1]`` with the addition of label smoothing.

        Args:
            losses: the cross-entropies of the labels.
            logits: ``[..., class_num]``.
            labels: ``[..., 1]``; negative in rows that do not count.
        """
        return losses + (logits * self.pull(labels)).sum(axis=-1, keepdim=True)
