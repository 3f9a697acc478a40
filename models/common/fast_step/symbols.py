"""Symbols, which stand for tensors while a fast step is written."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import paddle

from models.common.fast_step.code import StepCode


class Symbol:
    """Stands for a tensor while a step is written.

    It has none of a tensor's attributes: a net that uses one is trained by autograd.

    Args:
        name: the tensor's name in the text.
        code: the step.
        rank: the number of the tensor's axes; None if unknown.
        wanted: whether its gradient is needed.

    Attributes:
        gradient: the name of its gradient, once a line computes one.
        tail: if only the last columns of ``[batch, columns]`` need a gradient: the expression of
            the first of them, and what writes the use of their gradient.
    """

    def __init__(self, name: str, code: StepCode, rank: int | None = None, wanted: bool = True):
        self.name, self.code, self.rank, self.wanted = name, code, rank, wanted
        self.gradient: str | None = None
        self.tail: tuple[str, Callable[[str], None]] | None = None

    def __bool__(self):
        raise TypeError("a branch depends on the data")

    # Python would compare by identity, and a net's branch would silently be fixed.
    __eq__ = __ne__ = __hash__ = None

    def add_gradient(self, expression: str) -> None:
        """Writes what adds to the symbol's gradient, if it is needed."""
        if not self.wanted:
            return
        if self.gradient:
            expression = f"_C_ops.add({self.gradient}, {expression})"
        (self.gradient,) = self.code.backward(expression)


class TensorSymbol(Symbol):
    """Stands for a tensor that exists before the step: a constant or a parameter."""

    def __init__(self, tensor: paddle.Tensor, code: StepCode):
        wanted = not tensor.stop_gradient
        super().__init__(code.constant(tensor), code, len(tensor.shape), wanted)
        self._tensor = tensor

    def add_gradient(self, expression: str) -> None:
        """Writes what adds to the parameter's gradient, if it is trained."""
        self.code.add_gradient(self._tensor, expression)


def is_symbolic(*values: Any) -> bool:
    """Returns whether one of some operands, or of a list of them, is a symbol."""
    flat = [
        part for each in values for part in (each if isinstance(each, (list, tuple)) else [each])
    ]
    return any(isinstance(each, Symbol) for each in flat)


def operands(*values: Any) -> list[Symbol]:
    """Returns operands as symbols; at least one of them must be a symbol."""
    code = next(each.code for each in values if isinstance(each, Symbol))
    return [each if isinstance(each, Symbol) else TensorSymbol(each, code) for each in values]


def apply(
    code: StepCode,
    expression: str,
    rank: int | None,
    back: Callable[[Symbol], None],
    wanted: bool = True,
) -> Symbol:
    """Writes an operator; ``back`` writes its gradient, given its output, if it is wanted."""
    (name,) = code.forward(expression)
    out = Symbol(name, code, rank, wanted)
    code.rule(lambda: back(out) if out.gradient else None)
    return out


def elementwise(x: Symbol, expression: str, gradient: str, rank: int | None = None) -> Symbol:
    """Writes an operator of one operand; ``gradient`` names x, out and grad in braces."""

    def back(out: Symbol) -> None:
        x.add_gradient(gradient.format(x=x.name, out=out.name, grad=out.gradient))

    return apply(x.code, expression, x.rank if rank is None else rank, back, x.wanted)
