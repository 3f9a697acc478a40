"""A net's training step as straight-line code, its gradients written out.

At these models' sizes a step in Python costs more than its arithmetic: to go through a net's
layers, to note every operator for autograd and to find its gradient again takes longer than most of
the kernels. So a net's ``logits`` is called once with a `Symbol` in place of the features. Every
operator of `models.multitask.ops` then writes a line that calls its kernel, and lines that take the
gradient back through it: by the kernels that autograd would have called.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

import paddle
from paddle import _C_ops

AVAILABLE = hasattr(_C_ops, "relu_grad")  # Paddle 2.6 has no gradient kernels to call

_set_grad = paddle.base.core.eager.Tensor.grad.__set__  # a parameter's own goes through Python
_CROSS_ENTROPY = "False, True, True, -100, -1"  # hard labels; softmax, stable; ignored; axis


class StepCode:
    """The lines of a training step.

    Args:
        wanted: whether the features' gradient is asked for.

    Attributes:
        features: what stands for the net's features.
        parameters: the tensors that the step sets gradients of.
    """

    def __init__(self, wanted: bool):
        self.parameters: list[paddle.Tensor] = []
        self._gradients: dict[str, str] = {}  # of parameters, by their names
        self._names: dict[str, Any] = {"_C_ops": _C_ops}
        self._forward: list[str] = []
        self._backward: list[str] = []
        self._rules: list[Callable[[], None]] = []
        self._count = 0
        self.features = Symbol("x", self, wanted)

    def name(self, value: Any) -> str:
        """Returns how lines call a tensor or a function that is there before the step."""
        name = f"c{id(value)}"
        self._names[name] = value
        return name

    def line(self, expression: str) -> Symbol:
        """Writes a line of the forward pass; returns its value."""
        return self.lines(expression, None)

    def lines(self, expression: str, count: int | None) -> Any:
        """Writes a line of the forward pass that has ``count`` values; returns them."""
        parts = [Symbol(self._variable(), self) for _ in range(count or 1)]
        names = ", ".join(part.name for part in parts)
        self._forward.append(f"{names}{',' if count else ''} = {expression}")
        return parts if count else parts[0]

    def rule(self, back: Callable[[], None]) -> None:
        """Notes what writes the backward lines of the line just written."""
        self._rules.append(back)

    def back(self, expression: str) -> str:
        """Writes a line of the backward pass; returns the name of its value."""
        name = self._variable()
        self._backward.append(f"{name} = {expression}")
        return name

    def product_back(self, x: str, y: str, gradient: str) -> tuple[str, str]:
        """Writes the gradients of both factors of ``x @ y``; returns their names."""
        names = self._variable(), self._variable()
        call = f"_C_ops.matmul_grad({x}, {y}, {gradient}, False, False)"
        self._backward.append(f"{', '.join(names)} = {call}")
        return names

    def give(self, parameter: paddle.Tensor, expression: str) -> None:
        """Writes what adds to a parameter's gradient, if it is trained."""
        if parameter.stop_gradient:
            return
        name = self.name(parameter)
        before = self._gradients.get(name)
        if before is None:
            self.parameters.append(parameter)
        added = self.back(expression)
        self._gradients[name] = self.back(f"_C_ops.add({before}, {added})") if before else added

    def finished(self, logits: Symbol) -> Callable:
        """Returns the step whose loss is that of some logits.

        It takes features, labels ``[..., 1]`` and each row's weight ``[..., 1]``, and returns the
        logits and a `StepLoss`.
        """
        softmax, rows = self.lines(
            f"_C_ops.cross_entropy_with_softmax({logits.name}, labels, {_CROSS_ENTROPY})", 2
        )
        weighted = f"_C_ops.multiply({rows.name}, weights)"
        loss = self.line(f"_C_ops.sum({weighted}, [], None, False)")
        # The loss adds up the rows, each times its weight: so that is its gradient.
        logits.give(
            f"_C_ops.cross_entropy_with_softmax_grad(labels, {softmax.name}, weights, "
            f"{_CROSS_ENTROPY})"
        )
        while self._rules:
            self._rules.pop()()
        gradients = ", ".join([str(self.features.gradient), *self._gradients.values()])
        inner = [f"        {line}" for line in [*self._backward, f"return [{gradients}]"]]
        outer = [f"    {line}" for line in self._forward]
        last = f"    return {loss.name}, {logits.name}, backward"
        source = ["def step(x, labels, weights):", *outer, "    def backward():", *inner, last]
        exec("\n".join(source), self._names)
        return partial(_losses, self._names["step"], self.parameters)

    def _variable(self) -> str:
        self._count += 1
        return f"v{self._count}"


def _losses(step, parameters, features, labels, weights) -> tuple:
    with paddle.no_grad():
        loss, logits, back = step(features, labels, weights)
    return logits, StepLoss(loss, back, features, parameters)


class StepLoss:
    """The loss of a written step: what training does with a tensor that is one.

    Args:
        value: the loss, one number.
        back: returns the gradients of the features, or None, and of the parameters.
        features: the features, which autograd goes on from.
        parameters: the parameters.
    """

    def __init__(
        self, value: paddle.Tensor, back: Callable, features: paddle.Tensor, parameters: Sequence
    ):
        self.item, self.detach = value.item, value.detach
        self._back, self._features, self._parameters = back, features, parameters

    def backward(self) -> None:
        """Sets the gradients of all parameters."""
        with paddle.no_grad():
            of_features, *gradients = self._back()
            for parameter, gradient in zip(self._parameters, gradients):
                _set_grad(parameter, gradient)
        if of_features is not None:
            self._features.backward(of_features)


class Symbol:
    """What stands for a tensor while a step is written.

    Args:
        name: the tensor's name in the lines.
        code: the step.
        wanted: whether its gradient is asked for.

    Attributes:
        gradient: the name of its gradient, once a line gives one.
    """

    def __init__(self, name: str, code: StepCode, wanted: bool = True):
        self.name, self.code, self.wanted = name, code, wanted
        self.gradient: str | None = None

    def give(self, expression: str) -> None:
        """Writes what adds to the gradient."""
        if not self.wanted:
            return
        if self.gradient:
            expression = f"_C_ops.add({self.gradient}, {expression})"
        self.gradient = self.code.back(expression)

    def apply(self, expression: str, back: Callable[[Symbol], None]) -> Symbol:
        """Writes an operator; ``back``, given its output, writes where its gradient goes."""
        out = self.code.line(expression)
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
            else:
                code.give(weight, f"_C_ops.matmul({self.name}, {out.gradient}, True, False)")
            code.give(bias, f"_C_ops.sum({out.gradient}, [0], None, False)")

        return self.apply(f"_C_ops.linear({self.name}, {w}, {b})", back)

    def stacked_linear(self, weight: paddle.Tensor, bias: paddle.Tensor) -> Symbol:
        """Writes ``x @ weight + bias`` for each of a stack of layers."""
        code, w, b = self.code, self.code.name(weight), self.code.name(bias)

        def back(out):
            own, of_weight = code.product_back(self.name, w, out.gradient)
            self.give(own)
            code.give(weight, of_weight)
            code.give(bias, f"_C_ops.sum({out.gradient}, [1], None, True)")

        product = code.line(f"_C_ops.matmul({self.name}, {w}, False, False)")
        return self.apply(f"_C_ops.add({product.name}, {b})", back)

    def matmul(self, other: Symbol) -> Symbol:
        """Writes the product of two that are computed."""

        def back(out):
            own, others = self.code.product_back(self.name, other.name, out.gradient)
            self.give(own)
            other.give(others)

        return self.apply(f"_C_ops.matmul({self.name}, {other.name}, False, False)", back)

    def multiply(self, constant: paddle.Tensor) -> Symbol:
        """Writes the product with a constant of the same shape, but for the batch."""
        factor = self.code.name(constant)
        return self.apply(
            f"_C_ops.multiply({self.name}, {factor})",
            lambda out: self.give(f"_C_ops.multiply({out.gradient}, {factor})"),
        )

    def relu(self) -> Symbol:
        """Writes 0 for what is negative."""
        return self.apply(
            f"_C_ops.relu({self.name})",
            lambda out: self.give(f"_C_ops.relu_grad({out.name}, {out.gradient})"),
        )

    def softmax(self) -> Symbol:
        """Writes the softmax over the last axis."""
        return self.apply(
            f"_C_ops.softmax({self.name}, -1)",
            lambda out: self.give(f"_C_ops.softmax_grad({out.name}, {out.gradient}, -1)"),
        )

    def dropout(self, probability: float) -> Symbol:
        """Writes a product with 0 or 1 / (1 - probability), drawn anew in each step."""
        drop = self.code.name(paddle.nn.functional.dropout)
        ones = f"_C_ops.full_like({self.name}, 1.0, {self.name}.dtype, {self.name}.place)"
        mask = self.code.line(f"{drop}({ones}, {probability!r})")
        return self.apply(
            f"_C_ops.multiply({self.name}, {mask.name})",
            lambda out: self.give(f"_C_ops.multiply({out.gradient}, {mask.name})"),
        )

    def reshape(self, shape: list[int]) -> Symbol:
        """Writes another shape."""
        return self.apply(
            f"_C_ops.reshape({self.name}, {shape})",
            lambda out: self.give(f"_C_ops.reshape({out.gradient}, {self.name}.shape)"),
        )

    def transpose(self, order: list[int]) -> Symbol:
        """Writes another order of the axes."""
        undone = [order.index(axis) for axis in range(len(order))]
        return self.apply(
            f"_C_ops.transpose({self.name}, {order})",
            lambda out: self.give(f"_C_ops.transpose({out.gradient}, {undone})"),
        )

    def split(self, sizes: list[int]) -> list[Symbol]:
        """Writes the columns apart."""
        call = f"_C_ops.split({self.name}, {sizes}, 1)"
        return self._parted(call, len(sizes), lambda parts: f"_C_ops.concat([{parts}], 1)")

    def unbind(self, axis: int, count: int) -> list[Symbol]:
        """Writes the parts along an axis, which are ``count``."""
        call = f"_C_ops.unbind({self.name}, {axis})"
        return self._parted(call, count, lambda parts: f"_C_ops.stack([{parts}], {axis})")

    def _parted(self, call: str, count: int, joined: Callable[[str], str]) -> list[Symbol]:
        parts = self.code.lines(call, count)
        zeros = self.code.name(paddle.zeros_like)

        def back():
            if any(part.gradient for part in parts):
                self.give(joined(", ".join(p.gradient or f"{zeros}({p.name})" for p in parts)))

        self.code.rule(back)
        return parts


def concat(parts: Sequence[Symbol], axis: int) -> Symbol:
    """Writes parts side by side."""
    code = parts[0].code

    def back(out):
        sizes = ", ".join(f"{part.name}.shape[{axis}]" for part in parts)
        split = f"_C_ops.split({out.gradient}, [{sizes}], {axis})"
        of_parts = code.back(split)
        for place, part in enumerate(parts):
            part.give(f"{of_parts}[{place}]")

    names = ", ".join(part.name for part in parts)
    return parts[0].apply(f"_C_ops.concat([{names}], {axis})", back)


def composite(function: Callable, inputs: Sequence[Symbol]) -> Symbol:
    """Writes a call of a function whose gradient autograd finds in each step."""
    code = inputs[0].code

    def forward(*values):
        leaves = [value.detach() for value in values]
        for leaf in leaves:
            leaf.stop_gradient = False
        with paddle.enable_grad():
            return function(*leaves), leaves

    def backward(value, leaves, gradient):
        with paddle.enable_grad():
            value.backward(gradient)
        return [leaf.grad for leaf in leaves]

    names = ", ".join(symbol.name for symbol in inputs)
    out, leaves = code.lines(f"{code.name(forward)}({names})", 2)

    def back():
        call = f"{code.name(backward)}({out.name}, {leaves.name}, {out.gradient})"
        gradients = code.back(call)
        for place, symbol in enumerate(inputs):
            symbol.give(f"{gradients}[{place}]")

    code.rule(back)
    return out
