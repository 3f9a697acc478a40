"""The operators that the nets here are made of.

In dygraph the kernels are called directly where Paddle's Python front costs more than they do; in
static graph, where it runs once, through Paddle's public functions. Given a `Symbol`, they write
themselves into the code of a training step.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import _C_ops
from paddle.utils.dlpack import from_dlpack

from models.common.fast_step import symbols
from models.common.fast_step.symbols import Symbol


def tensor(array: np.ndarray) -> paddle.Tensor:
    """Returns a dygraph tensor of an array; on the CPU it is the array's own memory."""
    if paddle.get_device() != "cpu" or not array.flags.writeable:
        return paddle.to_tensor(array)
    return from_dlpack(np.ascontiguousarray(array).__dlpack__())


def linear(x, weight: paddle.Tensor, bias: paddle.Tensor):
    """Returns ``x @ weight + bias``, ``[batch, in]`` to ``[batch, out]``."""
    if isinstance(x, Symbol):
        return x.linear(weight, bias)
    if paddle.in_dynamic_mode():
        # F.linear of Paddle 3.3 looks up a flag by name first, which takes as long as the product.
        return _C_ops.linear(x, weight, bias)
    return F.linear(x, weight, bias)


def stacked_linear(x, weight: paddle.Tensor, bias: paddle.Tensor):
    """Returns ``x @ weight + bias`` for each of a stack of layers.

    Args:
        x: ``[layers, batch, in]``, or ``[batch, in]`` for an input that all share.
        weight: ``[layers, in, out]``.
        bias: ``[layers, 1, out]``.

    Returns:
        ``[layers, batch, out]``.
    """
    if isinstance(x, Symbol):
        return x.stacked_linear(weight, bias)
    return paddle.matmul(x, weight) + bias


def matmul(x, y):
    """Returns the matrix product over the last two axes."""
    return x.matmul(y) if isinstance(x, Symbol) else paddle.matmul(x, y)


def multiply(x, constant: paddle.Tensor):
    """Returns ``x`` times a constant, element by element."""
    return x.multiply(constant) if isinstance(x, Symbol) else x * constant


def split(x, sizes: list[int]) -> list:
    """Returns ``[batch, sum(sizes)]`` cut into columns of the given sizes."""
    if isinstance(x, Symbol):
        return x.split(sizes)
    if paddle.in_dynamic_mode():
        return _C_ops.split(x, sizes, 1)
    return paddle.split(x, sizes, axis=1)


def unbind(x, axis: int, count: int) -> list:
    """Returns the parts of ``x``, which are ``count``, along an axis, without it."""
    return x.unbind(axis, count) if isinstance(x, Symbol) else paddle.unbind(x, axis)


def concat(parts: Sequence, axis: int):
    """Returns the parts side by side along an axis."""
    if isinstance(parts[0], Symbol):
        return symbols.concat(parts, axis)
    return paddle.concat(parts, axis)


def reshape(x, shape: list[int]):
    """Returns ``x`` in another shape."""
    if isinstance(x, Symbol):
        return x.reshape(shape)
    return _C_ops.reshape(x, shape) if paddle.in_dynamic_mode() else paddle.reshape(x, shape)


def transpose(x, order: list[int]):
    """Returns ``x`` with its axes in another order."""
    return x.transpose(order)


def relu(x):
    """Returns ``x`` with 0 for what is negative."""
    return x.relu() if isinstance(x, Symbol) else F.relu(x)


def dropout(x, probability: float):
    """Returns ``x`` with a share of its numbers dropped, the others made larger for it."""
    return x.dropout(probability) if isinstance(x, Symbol) else F.dropout(x, probability)


def softmax(x):
    """Returns the softmax over the last axis."""
    if isinstance(x, Symbol):
        return x.softmax()
    return _C_ops.softmax(x, -1) if paddle.in_dynamic_mode() else F.softmax(x)


def composite(function: Callable, *inputs):
    """Returns ``function(*inputs)``: any of Paddle's functions, whose gradient autograd finds.

    Args:
        function: takes tensors and returns one.
        inputs: what it takes; parameters need not be among them.
    """
    if isinstance(inputs[0], Symbol):
        return symbols.composite(function, inputs)
    return function(*inputs)


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
