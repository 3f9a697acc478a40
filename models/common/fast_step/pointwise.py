"""Operators of `layers.ops` that change one number at a time, and averages over steps."""

from __future__ import annotations

from typing import Any

import paddle

from models.common.fast_step.symbols import Symbol, apply, operands


def divide(x: Any, y: Any) -> Symbol:
    """Writes the quotient element by element; either operand may be broadcast."""
    x, y = operands(x, y)

    def back(out: Symbol) -> None:
        call = f"_C_ops.divide_grad({x.name}, {y.name}, {out.name}, {out.gradient}, -1)"
        of_x, of_y = x.code.backward(call, 2)
        x.add_gradient(of_x)
        y.add_gradient(of_y)

    return apply(x.code, f"_C_ops.divide({x.name}, {y.name})", max_rank(x, y), back)


def max_rank(x: Symbol, y: Symbol) -> int | None:
    """Returns the number of axes of two operands that are broadcast; None if unknown."""
    return None if x.rank is None or y.rank is None else max(x.rank, y.rank)


def tanh(x: Symbol) -> Symbol:
    """Writes the hyperbolic tangent."""
    return _of_output("tanh", x)


def rsqrt(x: Symbol) -> Symbol:
    """Writes ``1 / sqrt(x)``."""
    return _of_output("rsqrt", x)


def _of_output(name: str, x: Symbol) -> Symbol:
    """Writes an operator whose gradient follows from its output."""

    def back(out: Symbol) -> None:
        x.add_gradient(f"_C_ops.{name}_grad({out.name}, {out.gradient})")

    return apply(x.code, f"_C_ops.{name}({x.name})", x.rank, back)


def integers(x: Symbol) -> Symbol:
    """Writes ``x`` as int64, which passes no gradient on."""
    dtype = x.code.constant(paddle.int64)
    (name,) = x.code.forward(f"_C_ops.cast({x.name}, {dtype})")
    return Symbol(name, x.code, x.rank, wanted=False)


def moving_average(average: paddle.Tensor, value: Symbol, momentum: float) -> None:
    """Writes a step of an average in place."""
    code, name = value.code, value.code.constant(average)
    move = code.constant(moved)
    code.forward(f"{move}({name}, {value.name}, {float(momentum)})")


def moved(average: paddle.Tensor, value: paddle.Tensor, momentum: float):
    """Moves an average in place by ``(1 - momentum) (value - average)``, if that is finite."""
    with paddle.no_grad():
        next_average = average * momentum + value.detach() * (1.0 - momentum)
        finite = paddle.isfinite(next_average)
        # A skipped batch with NaN must not stay in the average.
        return paddle.assign(paddle.where(finite, next_average, average), output=average)
