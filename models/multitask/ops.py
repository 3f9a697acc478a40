"""Operators whose Python front costs more than their kernel on a small batch.

In dygraph they are called directly; in static graph, where the front runs once, through Paddle's
public functions.
"""

from __future__ import annotations

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import _C_ops
from paddle.utils.dlpack import from_dlpack


def tensor(array: np.ndarray) -> paddle.Tensor:
    """Returns a dygraph tensor of an array; on the CPU it is the array's own memory."""
    if paddle.get_device() != "cpu" or not array.flags.writeable:
        return paddle.to_tensor(array)
    return from_dlpack(np.ascontiguousarray(array).__dlpack__())


def linear(x: paddle.Tensor, weight: paddle.Tensor, bias: paddle.Tensor) -> paddle.Tensor:
    """Returns ``x @ weight + bias``, ``[batch, in]`` to ``[batch, out]``."""
    if paddle.in_dynamic_mode():
        # F.linear of Paddle 3.3 looks up a flag by name first, which takes as long as the product.
        return _C_ops.linear(x, weight, bias)
    return F.linear(x, weight, bias)


def split(x: paddle.Tensor, sizes: list[int]) -> list[paddle.Tensor]:
    """Returns ``[batch, sum(sizes)]`` cut into columns of the given sizes."""
    if paddle.in_dynamic_mode():
        return _C_ops.split(x, sizes, 1)
    return paddle.split(x, sizes, axis=1)


def reshape(x: paddle.Tensor, shape: list[int]) -> paddle.Tensor:
    """Returns ``x`` in another shape."""
    return _C_ops.reshape(x, shape) if paddle.in_dynamic_mode() else paddle.reshape(x, shape)


def softmax(x: paddle.Tensor) -> paddle.Tensor:
    """Returns the softmax over the last axis."""
    return _C_ops.softmax(x, -1) if paddle.in_dynamic_mode() else F.softmax(x)


def softmax_cross_entropy(logits: paddle.Tensor, labels: paddle.Tensor) -> paddle.Tensor:
    """Returns the cross-entropy of each row.

    Args:
        logits: ``[..., classes]``.
        labels: ``[..., 1]`` integer classes.

    Returns:
        ``[..., 1]`` losses in nats.
    """
    if paddle.in_dynamic_mode():
        return _C_ops.cross_entropy_with_softmax(logits, labels, False, True, True, -100, -1)[1]
    return F.cross_entropy(logits, labels, reduction="none")
