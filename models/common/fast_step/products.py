"""Matrix products of `models.common.layers.ops`, as lines of a fast step; see `operators`."""

from __future__ import annotations

import math
from typing import Any

import paddle
from paddle import _C_ops

from models.common.fast_step.symbols import Symbol, apply, operands


def linear(x: Any, weight: Any, bias: paddle.Tensor | None = None) -> Symbol:
    """Writes ``x @ weight + bias``."""
    if bias is None:
        return matmul(x, weight)
    x, weight = operands(x, weight)
    code, w, b = x.code, weight.name, x.code.constant(bias)

    def back(out: Symbol) -> None:
        grad, rows = out.gradient, out.gradient
        if x.rank == 2:
            _of_matrices(x, weight, grad)
        else:
            product = f"_C_ops.matmul_grad({x.name}, {w}, {grad}, False, False)"
            of_x, of_weight = code.backward(product, 2)
            x.add_gradient(of_x)
            weight.add_gradient(of_weight)
            rows = f"_C_ops.reshape({grad}, [-1, {bias.shape[-1]}])"
        code.add_gradient(bias, f"{code.constant(sum_of_rows)}({rows})")

    # A kernel that adds a product to the bias saves a pass over the output.
    call = f"_C_ops.addmm({b}, {x.name}, {w}, 1.0, 1.0)"
    return apply(code, call if x.rank == 2 else f"_C_ops.linear({x.name}, {w}, {b})", x.rank, back)


def _of_matrices(x: Symbol, weight: Symbol, grad: str) -> None:
    """Writes the gradients of the operands of a product of two matrices."""
    if x.tail:
        start, spread = x.tail
        rows = f"_C_ops.slice({weight.name}, [0], [{start}], [{weight.name}.shape[0]], [1], [])"
        (of_tail,) = x.code.backward(f"_C_ops.matmul({grad}, {rows}, False, True)")
        spread(of_tail)
    else:
        x.add_gradient(f"_C_ops.matmul({grad}, {weight.name}, False, True)")
    weight.add_gradient(f"_C_ops.matmul({x.name}, {grad}, True, False)")


def sum_of_rows(matrix: paddle.Tensor) -> paddle.Tensor:
    """Returns the sum of a matrix's rows, by a product, which is faster than the kernel of sum."""
    ones = _C_ops.full([matrix.shape[0]], 1.0, matrix.dtype, matrix.place)
    return _C_ops.matmul(ones, matrix, False, False)


def stacked_linear(x: Any, weight: paddle.Tensor, bias: paddle.Tensor) -> Symbol:
    """Writes ``x @ weight + bias`` for each of a stack of layers."""
    code, w, b = x.code, x.code.constant(weight), x.code.constant(bias)
    if [*bias.shape] != [weight.shape[0], 1, weight.shape[2]]:
        raise ValueError("stacked_linear takes a bias [layers, 1, out]")

    def back(out: Symbol) -> None:
        call = f"_C_ops.matmul_grad({x.name}, {w}, {out.gradient}, False, False)"
        of_x, of_weight = code.backward(call, 2)
        x.add_gradient(of_x)
        code.add_gradient(weight, of_weight)
        code.add_gradient(bias, f"_C_ops.sum({out.gradient}, [1], None, True)")

    if x.rank == 3:  # add is slow if it repeats an inner axis
        return apply(code, f"_C_ops.baddbmm({b}, {x.name}, {w}, 1.0, 1.0)", 3, back)
    (product,) = code.forward(f"_C_ops.matmul({x.name}, {w}, False, False)")
    return apply(code, f"_C_ops.add({product}, {b})", 3, back)


def matmul(x: Any, y: Any) -> Symbol:
    """Writes the matrix product over the last two axes."""
    x, y = operands(x, y)
    code, call = x.code, f"_C_ops.matmul({x.name}, {y.name}, False, False)"

    def back_of_both(out: Symbol) -> None:
        product = f"_C_ops.matmul_grad({x.name}, {y.name}, {out.gradient}, False, False)"
        of_x, of_y = code.backward(product, 2)
        x.add_gradient(of_x)
        y.add_gradient(of_y)

    if (x.wanted and y.wanted) or x.rank is None or x.rank != y.rank:
        return apply(code, call, None, back_of_both)

    def back(out: Symbol) -> None:
        product, own = f"{y.name}, False, True", x
        if y.wanted:
            product, own = f"{x.name}, {out.gradient}, True, False", y
        else:
            product = f"{out.gradient}, {product}"
        own.add_gradient(f"{code.constant(like)}(_C_ops.matmul({product}), {own.name})")

    return apply(code, call, x.rank, back, x.wanted or y.wanted)


def like(gradient: paddle.Tensor, operand: paddle.Tensor) -> paddle.Tensor:
    """Returns a gradient summed over the axes along which its operand was broadcast."""
    if gradient.shape == operand.shape:
        return gradient
    missing = len(gradient.shape) - len(operand.shape)
    tail = [*operand.shape]
    while tail and tail[0] == 1:
        del tail[0]
    if tail and [*gradient.shape[len(gradient.shape) - len(tail) :]] == tail:
        rows = gradient.reshape([-1, math.prod(tail)])
        return sum_of_rows(rows).reshape(operand.shape)
    axes = [*range(missing)]
    axes += [
        missing + axis
        for axis, size in enumerate(operand.shape)
        if size == 1 and gradient.shape[missing + axis] != 1
    ]
    return gradient.sum(axes).reshape(operand.shape)
