"""The operators of `models.common.layers.ops`, as lines of a fast step.

Every function here has the name and the arguments of one there. It writes the call of a kernel,
and registers what writes the lines of its gradient.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import accumulate
from typing import Any

import paddle
from paddle import _C_ops

from models.common.fast_step.activations import (  # noqa: F401
    cos,
    leaky_relu,
    relu,
    sigmoid,
    sin,
    softmax,
    swish,
)
from models.common.fast_step.autograd import gradients, recorded
from models.common.fast_step.dropout_mask import mask_of
from models.common.fast_step.pointwise import (  # noqa: F401
    divide,
    integers,
    max_rank,
    moving_average,
    rsqrt,
    tanh,
)
from models.common.fast_step.products import (  # noqa: F401
    like,
    linear,
    matmul,
    stacked_linear,
)
from models.common.fast_step.reductions import gather, layer_norm, mean, square  # noqa: F401
from models.common.fast_step.symbols import Symbol, apply, elementwise, operands
from models.common.fast_step.tables import lookup  # noqa: F401

_MOST_SLICES = 4  # so many slices are faster than one split, which copies row by row


def multiply(x: Any, y: Any) -> Symbol:
    """Writes the product element by element; either operand may be broadcast."""
    x, y = operands(x, y)

    def back(out: Symbol) -> None:
        for own, other in ((x, y), (y, x)):
            if own.wanted:
                product = f"_C_ops.multiply({out.gradient}, {other.name})"
                own.add_gradient(f"{x.code.constant(like)}({product}, {own.name})")

    return apply(x.code, f"_C_ops.multiply({x.name}, {y.name})", max_rank(x, y), back)


def add(x: Any, y: Any) -> Symbol:
    """Writes the sum element by element; either operand may be broadcast."""
    return _sum_of_two("add", x, y, "{}")


def subtract(x: Any, y: Any) -> Symbol:
    """Writes the difference element by element; either operand may be broadcast."""
    return _sum_of_two("subtract", x, y, "_C_ops.scale({}, -1.0, 0.0, True)")


def _sum_of_two(name: str, x: Any, y: Any, second: str) -> Symbol:
    """Writes a sum or a difference; ``second`` is the gradient of y, of that of the result."""
    x, y = operands(x, y)
    summed = x.code.constant(like)  # the kernels of gradients copy, and are slow where they sum

    def back(out: Symbol) -> None:
        x.add_gradient(f"{summed}({out.gradient}, {x.name})")
        if y.wanted:
            (of_y,) = x.code.backward(f"{summed}({out.gradient}, {y.name})")
            y.add_gradient(second.format(of_y))

    return apply(x.code, f"_C_ops.{name}({x.name}, {y.name})", max_rank(x, y), back)


def scale(x: Symbol, factor: float, bias: float = 0.0) -> Symbol:
    """Writes ``factor * x + bias`` for numbers that never change."""
    factor, bias = float(factor), float(bias)
    return elementwise(
        x,
        f"_C_ops.scale({x.name}, {factor}, {bias}, True)",
        f"_C_ops.scale({{grad}}, {factor}, 0.0, True)",
    )


def stop_gradient(x: Symbol) -> Symbol:
    """Writes nothing: a symbol of the same tensor that passes no gradient on."""
    return Symbol(x.name, x.code, x.rank, wanted=False)


def dropout(x: Symbol, probability: float) -> Symbol:
    """Writes a product with 0 or 1 / (1 - probability), drawn again in each step."""
    (mask,) = x.code.forward(f"{x.code.constant(mask_of)}({x.name}, {float(probability)})")
    gradient = f"_C_ops.multiply({{grad}}, {mask})"
    return elementwise(x, f"_C_ops.multiply({x.name}, {mask})", gradient)


def reshape(x: Symbol, shape: Sequence[int]) -> Symbol:
    """Writes another shape."""
    shape = [int(size) for size in shape]
    gradient = "_C_ops.reshape({grad}, {x}.shape)"
    return elementwise(x, f"_C_ops.reshape({x.name}, {shape})", gradient, len(shape))


def transpose(x: Symbol, order: Sequence[int]) -> Symbol:
    """Writes another order of the axes."""
    order = [int(axis) for axis in order]
    inverse = [order.index(axis) for axis in range(len(order))]
    gradient = f"_C_ops.transpose({{grad}}, {inverse})"
    return elementwise(x, f"_C_ops.transpose({x.name}, {order})", gradient, len(order))


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
    sizes = [int(size) for size in sizes]
    call = f"_C_ops.split({x.name}, {sizes}, 1)"
    if len(sizes) <= _MOST_SLICES:
        ends = [*accumulate(sizes)]
        slices = [
            f"_C_ops.slice({x.name}, [1], [{end - size}], [{end}], [1], [])"
            for size, end in zip(sizes, ends)
        ]
        call = f"[{', '.join(slices)}]"
    return _parts(x, call, len(sizes), x.rank, "_C_ops.concat([{}], 1)")


def unbind(x: Symbol, axis: int, count: int) -> list[Symbol]:
    """Writes the ``count`` parts of ``x`` along an axis, without that axis."""
    call = f"_C_ops.unbind({x.name}, {int(axis)})"
    rank = x.rank and x.rank - 1
    return _parts(x, call, count, rank, f"_C_ops.stack([{{}}], {int(axis)})")


def _parts(x: Symbol, call: str, count: int, rank: int | None, joined: str) -> list[Symbol]:
    parts = [Symbol(name, x.code, rank, x.wanted) for name in x.code.forward(call, count)]
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
    code, wanted = parts[0].code, [part.wanted for part in parts]

    def spread(gradient: str, first: int = 0) -> None:
        """Writes the gradients of the parts from ``first`` on, given that of them together."""
        some = parts[first:]
        if len(some) > 1:
            sizes = ", ".join(f"{part.name}.shape[{axis}]" for part in some)
            cut = f"{code.constant(_pieces)}({gradient}, [{sizes}], {axis}, {wanted[first:]})"
            if len(some) > _MOST_SLICES:
                cut = f"_C_ops.split({gradient}, [{sizes}], {axis})"
            (pieces,) = code.backward(cut)
        for place, part in enumerate(some):
            part.add_gradient(f"{pieces}[{place}]" if len(some) > 1 else gradient)

    names = ", ".join(part.name for part in parts)
    call = f"_C_ops.concat([{names}], {axis})"
    back = lambda out: spread(out.gradient)  # noqa: E731
    out = apply(code, call, parts[0].rank, back, any(wanted))
    if axis == 1 and out.wanted and not wanted[0]:
        first = wanted.index(True)
        start = " + ".join(f"{part.name}.shape[1]" for part in parts[:first])
        out.tail = (start, lambda gradient: spread(gradient, first))
    return out


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


def _pieces(
    gradient: paddle.Tensor, sizes: Sequence[int], axis: int, wanted: Sequence[bool]
) -> list[paddle.Tensor | None]:
    """Returns the parts of a gradient along an axis; None for parts that are not wanted."""
    ends = accumulate(sizes)
    return [
        _C_ops.slice(gradient, [axis], [end - size], [end], [1], []) if needed else None
        for size, end, needed in zip(sizes, ends, wanted)
    ]
