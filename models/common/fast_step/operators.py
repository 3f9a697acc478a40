"""The operators of `models.common.layers.ops`, as lines of a fast step.

Every function here has the name and the arguments of one there. It writes the call of a kernel,
and registers what writes the lines of its gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import paddle

from models.common.fast_step.autograd import gradients, recorded
from models.common.fast_step.reductions import gather, layer_norm, mean, square  # noqa: F401
from models.common.fast_step.symbols import Symbol, apply, operands


def _elementwise(x: Symbol, expression: str, gradient: str, rank: int | None = None) -> Symbol:
    """Writes an operator of one operand; ``gradient`` names x, out and grad in braces."""

    def back(out: Symbol) -> None:
        x.add_gradient(gradient.format(x=x.name, out=out.name, grad=out.gradient))

    return apply(x.code, expression, x.rank if rank is None else rank, back)


def linear(x: Any, weight: Any, bias: paddle.Tensor | None = None) -> Symbol:
    """Writes ``x @ weight + bias``."""
    if bias is None:
        return matmul(x, weight)
    x, weight_symbol = operands(x, weight)
    code, w, b = x.code, weight_symbol.name, x.code.constant(bias)

    def back(out: Symbol) -> None:
        grad, rows = out.gradient, out.gradient
        product = f"_C_ops.matmul_grad({x.name}, {w}, {grad}, False, False)"
        if x.wanted and not weight_symbol.wanted:
            x.add_gradient(f"_C_ops.matmul({grad}, {w}, False, True)")
        elif x.wanted:
            of_x, of_weight = code.backward(product, 2)
            x.add_gradient(of_x)
            weight_symbol.add_gradient(of_weight)
        elif x.rank == 2:
            weight_symbol.add_gradient(f"_C_ops.matmul({x.name}, {grad}, True, False)")
        else:
            weight_symbol.add_gradient(code.backward(product, 2)[1])
        if x.rank != 2:
            rows = f"_C_ops.reshape({grad}, [-1, {bias.shape[-1]}])"
        code.add_gradient(bias, f"_C_ops.sum({rows}, [0], None, False)")

    return apply(code, f"_C_ops.linear({x.name}, {w}, {b})", x.rank, back)


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

    (product,) = code.forward(f"_C_ops.matmul({x.name}, {w}, False, False)")
    return apply(code, f"_C_ops.add({product}, {b})", 3, back)


def matmul(x: Any, y: Any) -> Symbol:
    """Writes the matrix product over the last two axes."""
    return _of_two("matmul", x, y, "False, False", "False, False")


def multiply(x: Any, y: Any) -> Symbol:
    """Writes the product element by element; either operand may be broadcast."""
    x, y = operands(x, y)

    def back(out: Symbol) -> None:
        for own, other in ((x, y), (y, x)):
            if own.wanted:
                product = f"_C_ops.multiply({out.gradient}, {other.name})"
                own.add_gradient(f"{x.code.constant(_like)}({product}, {own.name})")

    return apply(x.code, f"_C_ops.multiply({x.name}, {y.name})", _widest(x, y), back)


def add(x: Any, y: Any) -> Symbol:
    """Writes the sum element by element; either operand may be broadcast."""
    return _of_two("add", x, y, "", "-1", _widest)


def subtract(x: Any, y: Any) -> Symbol:
    """Writes the difference element by element; either operand may be broadcast."""
    return _of_two("subtract", x, y, "", "-1", _widest)


def _of_two(
    name: str, x: Any, y: Any, options: str, grad_options: str, rank: Callable = lambda x, y: None
) -> Symbol:
    """Writes an operator of two operands, both of whose gradients one operator computes.

    Args:
        name: the operator; ``<name>_grad`` computes the gradients.
        x: the first operand.
        y: the second operand.
        options: what follows the operands in the call.
        grad_options: what follows the gradient in the call of ``<name>_grad``.
        rank: returns the result's number of axes, or None if it is unknown.
    """
    x, y = operands(x, y)

    def back(out: Symbol) -> None:
        call = f"_C_ops.{name}_grad({x.name}, {y.name}, {out.gradient}, {grad_options})"
        of_x, of_y = x.code.backward(call, 2)
        x.add_gradient(of_x)
        y.add_gradient(of_y)

    return apply(x.code, f"_C_ops.{name}({x.name}, {y.name}, {options})", rank(x, y), back)


def _widest(x: Symbol, y: Symbol) -> int | None:
    return None if x.rank is None or y.rank is None else max(x.rank, y.rank)


def scale(x: Symbol, factor: float, bias: float = 0.0) -> Symbol:
    """Writes ``factor * x + bias`` for numbers that never change."""
    factor, bias = float(factor), float(bias)
    return _elementwise(
        x,
        f"_C_ops.scale({x.name}, {factor}, {bias}, True)",
        f"_C_ops.scale({{grad}}, {factor}, 0.0, True)",
    )


def relu(x: Symbol) -> Symbol:
    """Writes ``max(x, 0)``."""
    return _elementwise(x, f"_C_ops.relu({x.name})", "_C_ops.relu_grad({out}, {grad})")


def sigmoid(x: Symbol) -> Symbol:
    """Writes ``1 / (1 + exp(-x))``."""
    return _elementwise(x, f"_C_ops.sigmoid({x.name})", "_C_ops.sigmoid_grad({out}, {grad})")


def swish(x: Symbol) -> Symbol:
    """Writes ``x * sigmoid(x)``."""
    return _elementwise(x, f"_C_ops.swish({x.name})", "_C_ops.swish_grad({x}, {grad})")


def softmax(x: Symbol) -> Symbol:
    """Writes the softmax over the last axis."""
    return _elementwise(
        x, f"_C_ops.softmax({x.name}, -1)", "_C_ops.softmax_grad({out}, {grad}, -1)"
    )


def stop_gradient(x: Symbol) -> Symbol:
    """Writes nothing: a symbol of the same tensor that passes no gradient on."""
    return Symbol(x.name, x.code, x.rank, wanted=False)


def dropout(x: Symbol, probability: float) -> Symbol:
    """Writes a product with 0 or 1 / (1 - probability), drawn again in each step."""
    drop = x.code.constant(paddle.nn.functional.dropout)
    ones = f"_C_ops.full_like({x.name}, 1.0, {x.name}.dtype, {x.name}.place)"
    (mask,) = x.code.forward(f"{drop}({ones}, {float(probability)})")
    gradient = f"_C_ops.multiply({{grad}}, {mask})"
    return _elementwise(x, f"_C_ops.multiply({x.name}, {mask})", gradient)


def reshape(x: Symbol, shape: Sequence[int]) -> Symbol:
    """Writes another shape."""
    shape = [int(size) for size in shape]
    gradient = "_C_ops.reshape({grad}, {x}.shape)"
    return _elementwise(x, f"_C_ops.reshape({x.name}, {shape})", gradient, len(shape))


def transpose(x: Symbol, order: Sequence[int]) -> Symbol:
    """Writes another order of the axes."""
    order = [int(axis) for axis in order]
    inverse = [order.index(axis) for axis in range(len(order))]
    gradient = f"_C_ops.transpose({{grad}}, {inverse})"
    return _elementwise(x, f"_C_ops.transpose({x.name}, {order})", gradient, len(order))


def lookup(rows: Symbol, table: paddle.Tensor, sparse: bool) -> Symbol:
    """Writes rows of a table."""
    name, sparse = rows.code.constant(table), bool(sparse)

    def back(out: Symbol) -> None:
        call = f"_C_ops.embedding_grad({rows.name}, {name}, {out.gradient}, -1, {sparse})"
        rows.code.add_gradient(table, call)

    call = f"_C_ops.embedding({rows.name}, {name}, -1, {sparse})"
    return apply(rows.code, call, rows.rank and rows.rank + 1, back)


def sum(x: Symbol, axis: int, keepdim: bool = False) -> Symbol:
    """Writes the sum over an axis."""
    axis, keepdim = int(axis), bool(keepdim)
    rank = x.rank if keepdim or x.rank is None else x.rank - 1
    gradient = f"_C_ops.sum_grad({{x}}, {{grad}}, [{axis}], {keepdim}, False)"
    call = f"_C_ops.sum({x.name}, [{axis}], None, {keepdim})"

    def back(out: Symbol) -> None:
        x.add_gradient(gradient.format(x=x.name, grad=out.gradient))

    return apply(x.code, call, rank, back)


def split(x: Symbol, sizes: Sequence[int]) -> list[Symbol]:
    """Writes ``[batch, sum(sizes)]`` cut into columns of the given sizes."""
    call = f"_C_ops.split({x.name}, {[int(size) for size in sizes]}, 1)"
    return _parts(x, call, len(sizes), x.rank, "_C_ops.concat([{}], 1)")


def unbind(x: Symbol, axis: int, count: int) -> list[Symbol]:
    """Writes the ``count`` parts of ``x`` along an axis, without that axis."""
    call = f"_C_ops.unbind({x.name}, {int(axis)})"
    rank = x.rank and x.rank - 1
    return _parts(x, call, count, rank, f"_C_ops.stack([{{}}], {int(axis)})")


def _parts(x: Symbol, call: str, count: int, rank: int | None, joined: str) -> list[Symbol]:
    parts = [Symbol(name, x.code, rank) for name in x.code.forward(call, count)]
    zeros = x.code.constant(paddle.zeros_like)

    def back() -> None:
        if any(part.gradient for part in parts):
            gradients = ", ".join(part.gradient or f"{zeros}({part.name})" for part in parts)
            x.add_gradient(joined.format(gradients))

    x.code.rule(back)
    return parts


def concat(parts: Sequence[Any], axis: int) -> Symbol:
    """Writes the parts side by side along an axis."""
    parts, axis = operands(*parts), int(axis)

    def back(out: Symbol) -> None:
        sizes = ", ".join(f"{part.name}.shape[{axis}]" for part in parts)
        (pieces,) = out.code.backward(f"_C_ops.split({out.gradient}, [{sizes}], {axis})")
        for place, part in enumerate(parts):
            part.add_gradient(f"{pieces}[{place}]")

    names = ", ".join(part.name for part in parts)
    return apply(parts[0].code, f"_C_ops.concat([{names}], {axis})", parts[0].rank, back)


def stack(parts: Sequence[Any], axis: int = 0) -> Symbol:
    """Writes the parts along a new axis."""
    parts, axis = operands(*parts), int(axis)

    def back(out: Symbol) -> None:
        (pieces,) = out.code.backward(f"_C_ops.unbind({out.gradient}, {axis})")
        for place, part in enumerate(parts):
            part.add_gradient(f"{pieces}[{place}]")

    names = ", ".join(part.name for part in parts)
    rank = None if parts[0].rank is None else parts[0].rank + 1
    return apply(parts[0].code, f"_C_ops.stack([{names}], {axis})", rank, back)


def composite(function: Callable, *inputs: Any) -> Symbol:
    """Writes a call of any function of Paddle's; autograd finds its gradient in each step."""
    inputs = operands(*inputs)
    code = inputs[0].code
    names = ", ".join(symbol.name for symbol in inputs)
    call = f"{code.constant(recorded)}({code.constant(function)}, {names})"
    name, leaves = code.forward(call, 2)
    out = Symbol(name, code)

    def back() -> None:
        if not out.gradient:
            return
        call = f"{code.constant(gradients)}({out.name}, {leaves}, {out.gradient})"
        (found,) = code.backward(call)
        for place, symbol in enumerate(inputs):
            symbol.add_gradient(f"{found}[{place}]")

    code.rule(back)
    return out


def _like(gradient: paddle.Tensor, operand: paddle.Tensor) -> paddle.Tensor:
    """Returns a gradient summed over the axes along which its operand was broadcast."""
    if gradient.shape == operand.shape:
        return gradient
    missing = len(gradient.shape) - len(operand.shape)
    axes = [*range(missing)]
    axes += [
        missing + axis
        for axis, size in enumerate(operand.shape)
        if size == 1 and gradient.shape[missing + axis] != 1
    ]
    return gradient.sum(axes).reshape(operand.shape)
