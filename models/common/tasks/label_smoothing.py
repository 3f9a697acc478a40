r"""Label smoothing: the share e of every label is given to all classes alike.

Szegedy et al. 2016, "Rethinking the Inception Architecture for Computer Vision", section 7,
https://arxiv.org/abs/1512.00567. Of C classes the label y becomes :math:`q_c = (1 - e) [c = y] + e
/ C`. With logits z the cross-entropy with q is that with y plus :math:`\sum_c t_c z_c`, where
:math:`t_c = e ([c = y] - 1 / C)`, for the t sum to 0; so its gradient has t added.
"""

from __future__ import annotations

import numpy as np
import paddle
from paddle import _C_ops

from models.common.checks import probability


class Smoothing:
    """What label smoothing adds to a loss.

    Args:
        config: the configuration; ``hyper_parameters.label_smoothing`` is e, 0 if not set.
        class_num: classes of every task.

    Attributes:
        share: e.

    Raises:
        ValueError: e is not in [0, 1).
    """

    def __init__(self, config, class_num: int):
        given = config.get("hyper_parameters.label_smoothing", 0.0)
        self.share = probability("label_smoothing", given)
        rows = self.share * (np.eye(class_num) - 1 / class_num)
        self._table = np.concatenate([np.zeros([1, class_num]), rows]).astype(np.float32)
        self._last = class_num - 1.0
        self._tensor = paddle.to_tensor(self._table) if paddle.in_dynamic_mode() else None

    def pull(self, labels):
        """Returns t, ``[..., class_num]``, of labels ``[..., 1]``: 0 where a label is negative.

        These are the rows that do not count.
        """
        if self._tensor is None:
            return paddle.gather_nd(paddle.assign(self._table), paddle.clip(labels, min=-1) + 1)
        rows = _C_ops.scale(_C_ops.clip(labels, -1.0, self._last), 1.0, 1.0, True)  # 1 added
        return _C_ops.gather_nd(self._tensor, rows)

    def added_to(self, losses, logits, labels):
        """Returns losses ``[..., 1]`` with what smoothing adds to them.

        Args:
            losses: the cross-entropies of labels.
            logits: ``[..., class_num]``.
            labels: ``[..., 1]``, negative in rows that do not count.
        """
        if not self.share:
            return losses
        return losses + (logits * self.pull(labels)).sum(axis=-1, keepdim=True)
