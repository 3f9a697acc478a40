"""The operators that nets are made of.

In dygraph they call kernels directly where Paddle's Python code costs more than the kernel; in
static graph they call Paddle's public functions. While a fast step is written they get symbols
instead of tensors, and the function of the same name in `fast_step.operators` writes them.
"""

from __future__ import annotations

import functools
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle import _C_ops
from paddle.utils.dlpack import from_dlpack

from models.common.fast_step import operators, pointwise
from models.common.fast_step.dropout_mask import mask_of
from models.common.fast_step.symbols import is_symbolic


def _operator(function: Callable) -> Callable:
    """Lets an operator be written into a fast step by the function of its name in `operators`."""
    write = getattr(operators, function.__name__)

    @functools.wraps(function)
    def call(*operands: Any, **options: Any) -> Any:
        symbolic = is_symbolic(*operands)
        return (write if symbolic else function)(*operands, **options)

    # to_static would rewrite the function's source and apply this decorator to the copy.
    return paddle.jit.not_to_static(call)


def tensor(array: np.ndarray) -> paddle.Tensor:
    """Returns a dygraph tensor of an array; on the CPU it shares the array's memory."""
    if paddle.get_device() != "cpu" or not array.flags.writeable:
        return paddle.to_tensor(array)
    return from_dlpack(np.ascontiguousarray(array).__dlpack__())


def rank(x) -> int | None:
    """Returns the number of axes; None if it is unknown while a fast step is written."""
    return x.rank if is_symbolic(x) else len(x.shape)


@_operator
def linear(x, weight, bias=None):
    """Returns ``x @ weight + bias``, ``[batch, in]`` to ``[batch, out]``."""
    if bias is None:
        return paddle.matmul(x, weight)
    if paddle.in_dynamic_mode():
        # F.linear of Paddle 3.3 first looks up a flag by name, which takes as long as the product.
        return _C_ops.linear(x, weight, bias)
    return F.linear(x, weight, bias)


@_operator
def stacked_linear(x, weight: paddle.Tensor, bias: paddle.Tensor):
    """Returns ``x @ weight + bias`` for each of a stack of layers.

    Args:
        x: ``[layers, batch, in]``, or ``[batch, in]`` for an input that all layers share.
        weight: ``[layers, in, out]``.
        bias: ``[layers, 1, out]``.

    Returns:
        ``[layers, batch, out]``.
    """
    return paddle.matmul(x, weight) + bias


@_operator
def matmul(x, y):
    """Returns the matrix product over the last two axes."""
    return paddle.matmul(x, y)


@_operator
def multiply(x, y):
    """Returns the product element by element; either operand may be broadcast."""
    return x * y


@_operator
def add(x, y):
    """Returns the sum element by element; either operand may be broadcast."""
    return x + y


@_operator
def subtract(x, y):
    """Returns the difference element by element; either operand may be broadcast."""
    return x - y


@_operator
def scale(x, factor: float, bias: float = 0.0):
    """Returns ``factor * x + bias`` for numbers that never change."""
    return paddle.scale(x, factor, bias)


@_operator
def lookup(rows, table: paddle.Tensor, sparse: bool):
    """Returns rows of a table, ``[batch, columns]`` to ``[batch, columns, size]``.

    Args:
        rows: the rows' numbers, in range.
        table: ``[rows, size]``.
        sparse: whether the table's gradient has only these rows.
    """
    if paddle.in_dynamic_mode():
        return _C_ops.embedding(rows, table, -1, sparse)
    return F.embedding(rows, table, sparse=sparse)


@_operator
def sum(x, axis: int, keepdim: bool = False):
    """Returns the sum over an axis."""
    return paddle.sum(x, axis, keepdim=keepdim)


@_operator
def mean(x, axis: int, keepdim: bool = False):
    """Returns the mean over an axis."""
    return paddle.mean(x, axis, keepdim=keepdim)


@_operator
def square(x):
    """Returns ``x * x``."""
    return paddle.square(x)


@_operator
def layer_norm(x, gain: paddle.Tensor, bias: paddle.Tensor, epsilon: float = 1e-5):
    """Returns ``x`` normalised over the last axis, times ``gain`` plus ``bias``, ``[size]``."""
    if paddle.in_dynamic_mode():
        return _C_ops.layer_norm(x, gain, bias, epsilon, len(x.shape) - 1)
    return F.layer_norm(x, gain.shape, gain, bias, epsilon)


@_operator
def gather(x, places: paddle.Tensor, axis: int = 0):
    """Returns the parts of ``x`` at integer places ``[n]`` along an axis."""
    return paddle.gather(x, places, axis)


@_operator
def divide(x, y):
    """Returns the quotient element by element; either operand may be broadcast."""
    return paddle.divide(x, y)


@_operator
def tanh(x):
    """Returns the hyperbolic tangent."""
    return paddle.tanh(x)


@_operator
def rsqrt(x):
    """Returns ``1 / sqrt(x)``."""
    return paddle.rsqrt(x)


@_operator
def integers(x):
    """Returns ``x`` as int64, which passes no gradient on."""
    return paddle.cast(x.detach(), "int64")


@_operator
def moving_average(average: paddle.Tensor, value, momentum: float) -> None:
    """Makes ``average`` ``momentum`` of itself and the rest of ``value``, where that is finite."""
    pointwise.moved(average, value, momentum)


@_operator
def split(x, sizes: Sequence[int]) -> list:
    """Returns ``[batch, sum(sizes)]`` cut into columns of the given sizes."""
    return _C_ops.split(x, sizes, 1) if paddle.in_dynamic_mode() else paddle.split(x, sizes, axis=1)


@_operator
def unbind(x, axis: int, count: int) -> list:
    """Returns the ``count`` parts of ``x`` along an axis, without that axis."""
    return paddle.unbind(x, axis)


@_operator
def concat(parts: Sequence, axis: int):
    """Returns the parts side by side along an axis."""
    return paddle.concat(parts, axis)


@_operator
def stack(parts: Sequence, axis: int = 0):
    """Returns the parts along a new axis."""
    return paddle.stack(parts, axis)


@_operator
def reshape(x, shape: Sequence[int]):
    """Returns ``x`` in another shape."""
    return _C_ops.reshape(x, shape) if paddle.in_dynamic_mode() else paddle.reshape(x, shape)


@_operator
def transpose(x, order: Sequence[int]):
    """Returns ``x`` with its axes in another order."""
    return x.transpose(order)


@_operator
def relu(x):
    """Returns ``max(x, 0)``."""
    return F.relu(x)


@_operator
def sigmoid(x):
    """Returns ``1 / (1 + exp(-x))``."""
    return F.sigmoid(x)


@_operator
def swish(x):
    """Returns ``x * sigmoid(x)``."""
    return F.swish(x)


@_operator
def softmax(x):
    """Returns the softmax over the last axis."""
    return _C_ops.softmax(x, -1) if paddle.in_dynamic_mode() else F.softmax(x)


@_operator
def leaky_relu(x, slope: float):
    """Returns ``x`` where it is positive, ``slope * x`` elsewhere; slopes are below 1."""
    if paddle.in_dynamic_mode():
        return F.leaky_relu(x, slope)
    # paddle2onnx forgets F.leaky_relu's slope. Paddle Inference 2.6 joins a product with the
    # scale behind it, although others read the product: so it is a multiplication.
    return paddle.maximum(x, x * paddle.full([1], slope, "float32"))


@_operator
def sin(x):
    """Returns the sine."""
    return paddle.sin(x)


@_operator
def cos(x):
    """Returns the cosine."""
    return paddle.cos(x)


@_operator
def dropout(x, probability: float):
    """Returns ``x`` with a share of its numbers set to 0 and the others scaled up."""
    if paddle.in_dynamic_mode():
        return x * mask_of(x, probability)
    return F.dropout(x, probability)


@_operator
def stop_gradient(x):
    """Returns ``x`` without a path for its gradient."""
    return x.detach()


def composite(function: Callable, *inputs):
    """Returns ``function(*inputs)`` for any function of Paddle's; autograd finds its gradient.

    Args:
        function: takes tensors and returns one.
        inputs: its arguments; parameters that it uses need not be among them.
    """
    # Not by the decorator: an export has to translate a function that uses parameters.
    return operators.composite(function, *inputs) if is_symbolic(*inputs) else function(*inputs)
