"""What stands for a tensor while a training step is written as code: see `step_code`."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

import paddle

if TYPE_CHECKING:
    from models.common.fast_step.step_code import StepCode


class Symbol:
    """What stands for a tensor while a step is written.

    It has none of a tensor's attributes, so that a net which asks for one is left to autograd.

    Args:
        name: the tensor's name in the lines.
        code: the step.
        rank: number of its axes, or None where that is not known.
        wanted: whether its gradient is asked for.

    Attributes:
        gradient: the name of its gradient, once a line gives one.
    """

    def __init__(self, name: str, code: StepCode, rank: int | None = None, wanted: bool = True):
        self.name, self.code, self.rank, self.wanted = name, code, rank, wanted
        self.gradient: str | None = None

    def __bool__(self):
        raise TypeError("a choice depends on the data")

    __eq__ = __ne__ = __hash__ = None  # else Python would compare by identity, without a word

    def give(self, expression: str) -> None:
        """Writes what adds to the gradient."""
        if not self.wanted:
            return
        if self.gradient:
            expression = f"_C_ops.add({self.gradient}, {expression})"
        self.gradient = self.code.back(expression)

    def apply(self, expression: str, rank: int | None, back: Callable[[Symbol], None]) -> Symbol:
        """Writes an operator; ``back``, given its output, writes where its gradient goes."""
        out = self.code.line(expression, rank)
        self.code.rule(lambda: back(out) if out.gradient else None)
        return out

    def linear(self, weight: paddle.Tensor, bias: paddle.Tensor) -> Symbol:
        """Writes ``x @ weight + bias``."""
        code, w, b = self.code, self.code.name(weight), self.code.name(bias)

        def back(out):
            if self.wanted and weight.stop_gradient:
                self.give(f"_C_ops.matmul({out.gradient}, {w}, False, True)")
            elif self.wanted:
                own, of_weight = code.product_back(self.name, w, out.gradient)
                self.give(own)
                code.give(weight, of_weight)
            elif self.rank == 2:
                code.give(weight, f"_C_ops.matmul({self.name}, {out.gradient}, True, False)")
            else:
                code.give(weight, code.product_back(self.name, w, out.gradient)[1])
            rows = out.gradient
            if self.rank != 2:
                rows = f"_C_ops.reshape({rows}, [-1, {weight.shape[1]}])"
            code.give(bias, f"_C_ops.sum({rows}, [0], None, False)")

        return self.apply(f"_C_ops.linear({self.name}, {w}, {b})", self.rank, back)

    def stacked_linear(self, weight: paddle.Tensor, bias: paddle.Tensor) -> Symbol:
        """Writes ``x @ weight + bias`` for each of a stack of layers."""
        code, w, b = self.code, self.code.name(weight), self.code.name(bias)
        if [*bias.shape] != [weight.shape[0], 1, weight.shape[2]]:
            raise ValueError("stacked_linear takes a bias [layers, 1, out]")

        def back(out):
            own, of_weight = code.product_back(self.name, w, out.gradient)
            self.give(own)
            code.give(weight, of_weight)
            code.give(bias, f"_C_ops.sum({out.gradient}, [1], None, True)")

        product = code.line(f"_C_ops.matmul({self.name}, {w}, False, False)")
        return self.apply(f"_C_ops.add({product.name}, {b})", 3, back)

    def matmul(self, other: Symbol) -> Symbol:
        """Writes the product of two that are computed."""

        def back(out):
            own, others = self.code.product_back(self.name, other.name, out.gradient)
            self.give(own)
            other.give(others)

        return self.apply(f"_C_ops.matmul({self.name}, {other.name}, False, False)", None, back)

    def multiply(self, constant: paddle.Tensor) -> Symbol:
        """Writes the product with a constant, which may lack ``x``'s leading axes."""
        if not constant.stop_gradient:
            raise TypeError("multiply takes a constant, not what is trained")
        factor = self.code.name(constant)
        return self.apply(
            f"_C_ops.multiply({self.name}, {factor})",
            self.rank,
            lambda out: self.give(f"_C_ops.multiply({out.gradient}, {factor})"),
        )

    def relu(self) -> Symbol:
        """Writes 0 for what is negative."""
        return self.apply(
            f"_C_ops.relu({self.name})",
            self.rank,
            lambda out: self.give(f"_C_ops.relu_grad({out.name}, {out.gradient})"),
        )

    def softmax(self) -> Symbol:
        """Writes the softmax over the last axis."""
        return self.apply(
            f"_C_ops.softmax({self.name}, -1)",
            self.rank,
            lambda out: self.give(f"_C_ops.softmax_grad({out.name}, {out.gradient}, -1)"),
        )

    def dropout(self, probability: float) -> Symbol:
        """Writes a product with 0 or 1 / (1 - probability), drawn anew in each step."""
        drop = self.code.name(paddle.nn.functional.dropout)
        ones = f"_C_ops.full_like({self.name}, 1.0, {self.name}.dtype, {self.name}.place)"
        mask = self.code.line(f"{drop}({ones}, {float(probability)})")
        return self.apply(
            f"_C_ops.multiply({self.name}, {mask.name})",
            self.rank,
            lambda out: self.give(f"_C_ops.multiply({out.gradient}, {mask.name})"),
        )

    def reshape(self, shape: list[int]) -> Symbol:
        """Writes another shape."""
        shape = [int(size) for size in shape]
        return self.apply(
            f"_C_ops.reshape({self.name}, {shape})",
            len(shape),
            lambda out: self.give(f"_C_ops.reshape({out.gradient}, {self.name}.shape)"),
        )

    def transpose(self, order: list[int]) -> Symbol:
        """Writes another order of the axes."""
        order = [int(axis) for axis in order]
        undone = [order.index(axis) for axis in range(len(order))]
        return self.apply(
            f"_C_ops.transpose({self.name}, {order})",
            len(order),
            lambda out: self.give(f"_C_ops.transpose({out.gradient}, {undone})"),
        )

    def split(self, sizes: list[int]) -> list[Symbol]:
        """Writes the columns apart."""
        call = f"_C_ops.split({self.name}, {[int(size) for size in sizes]}, 1)"
        return self._parted(call, len(sizes), self.rank, "_C_ops.concat([{}], 1)")

    def unbind(self, axis: int, count: int) -> list[Symbol]:
        """Writes the parts along an axis, which are ``count``."""
        call = f"_C_ops.unbind({self.name}, {int(axis)})"
        rank = self.rank and self.rank - 1
        return self._parted(call, count, rank, f"_C_ops.stack([{{}}], {int(axis)})")

    def _parted(self, call: str, count: int, rank: int | None, joined: str) -> list[Symbol]:
        parts = self.code.lines(call, count, rank)
        zeros = self.code.name(paddle.zeros_like)

        def back():
            if any(part.gradient for part in parts):
                own = ", ".join(part.gradient or f"{zeros}({part.name})" for part in parts)
                self.give(joined.format(own))

        self.code.rule(back)
        return parts


def concat(parts: Sequence[Symbol], axis: int) -> Symbol:
    """Writes parts side by side."""
    code, axis = parts[0].code, int(axis)

    def back(out):
        sizes = ", ".join(f"{part.name}.shape[{axis}]" for part in parts)
        split = f"_C_ops.split({out.gradient}, [{sizes}], {axis})"
        of_parts = code.back(split)
        for place, part in enumerate(parts):
            part.give(f"{of_parts}[{place}]")

    names = ", ".join(part.name for part in parts)
    return parts[0].apply(f"_C_ops.concat([{names}], {axis})", parts[0].rank, back)


def composite(function: Callable, inputs: Sequence[Symbol]) -> Symbol:
    """Writes a call of a function whose gradient autograd finds in each step."""
    code = inputs[0].code
    names = ", ".join(symbol.name for symbol in inputs)
    call = f"{code.name(_noted)}({code.name(function)}, {names})"
    out, leaves = code.lines(call, 2)

    def back():
        if not out.gradient:
            return
        call = f"{code.name(_found)}({out.name}, {leaves.name}, {out.gradient})"
        gradients = code.back(call)
        for place, symbol in enumerate(inputs):
            symbol.give(f"{gradients}[{place}]")

    code.rule(back)
    return out


def _noted(function: Callable, *values: paddle.Tensor) -> tuple:
    """Returns what a function makes of values, noted by autograd, and the values as its leaves."""
    leaves = [value.detach() for value in values]
    for leaf in leaves:
        leaf.stop_gradient = False
    with paddle.enable_grad():
        return function(*leaves), leaves


def _found(out: paddle.Tensor, leaves: list, gradient: paddle.Tensor) -> list[paddle.Tensor]:
    """Returns the gradients of leaves; parameters that the function reads get theirs as well."""
    with paddle.enable_grad():
        out.backward(gradient)
    return [paddle.zeros_like(leaf) if leaf.grad is None else leaf.grad for leaf in leaves]
