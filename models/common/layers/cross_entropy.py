"""The cross-entropy of rows, which losses call; it is no operator of nets."""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import _C_ops


def softmax_cross_entropy(logits: paddle.Tensor, labels: paddle.Tensor) -> paddle.Tensor:
    """Returns the cross-entropy of each row.

    Args:
        logits: ``[..., classes]``.
        labels: ``[..., 1]`` integer classes; rows labelled -100 have a loss of 0.

    Returns:
        ``[..., 1]`` losses in nats.
    """
    if paddle.in_dynamic_mode():
        return _C_ops.cross_entropy_with_softmax(logits, labels, False, True, True, -100, -1)[1]
    return F.cross_entropy(logits, labels, reduction="none")
