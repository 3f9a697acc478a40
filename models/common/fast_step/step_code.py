"""A net's training step as straight-line code, its gradients written out.

At these models' sizes a step in Python costs more than its arithmetic: to go through a net's
layers, to note every operator for autograd and to find its gradient again takes longer than most of
the kernels. So a net's ``logits`` is called with a `Symbol` in place of the features. Every
operator of `layers.ops` then writes a line that calls its kernel, and lines that take the
gradient back through it: by the kernels that autograd would have called. For
``ops.relu(ops.linear(x, weight, bias))`` they are, in short,

    v1 = _C_ops.linear(x, c1, c2)
    v2 = _C_ops.relu(v1)
    def backward():
        v3 = _C_ops.relu_grad(v2, <the gradient of v2>)
        v4 = _C_ops.matmul(x, v3, True, False)  # the gradient of c1, the weight
        v5 = _C_ops.sum(v3, [0], None, False)  # that of c2, the bias

What cannot be written so is refused by an exception. `written_step` says when a step is written.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import paddle
from paddle import _C_ops

from models.common.fast_step.symbols import Symbol

AVAILABLE = hasattr(_C_ops, "relu_grad")  # Paddle 2.6 has no gradient kernels to call

_CROSS_ENTROPY = "False, True, True, -100, -1"  # hard labels; softmax, stable; ignored; axis


class StepCode:
    """The lines of a training step.

    Args:
        wanted: whether the features' gradient is asked for.
        rank: number of the features' axes, or None where that is not known.

    Attributes:
        features: what stands for the net's features.
        parameters: the tensors that the step gives gradients of.
        source: the step's text, once it is finished.
    """

    source: str

    def __init__(self, wanted: bool, rank: int | None = 2):
        self.parameters: list[paddle.Tensor] = []
        self._gradients: dict[str, str] = {}  # of parameters, by their names
        self._constants: dict[int, tuple[str, Any]] = {}  # by id: a name, and what it calls
        self._forward: list[str] = []
        self._backward: list[str] = []
        self._rules: list[Callable[[], None]] = []
        self._count = 0
        self.features = Symbol("x", self, rank, wanted)

    def name(self, value: Any) -> str:
        """Returns how lines call a tensor or a function that is there before the step.

        Raises:
            TypeError: the tensor is computed from parameters, so each step has another one.
        """
        if isinstance(value, paddle.Tensor) and not (value.stop_gradient or value.is_leaf):
            raise TypeError("a tensor is computed from parameters by other functions than ops")
        return self._constants.setdefault(id(value), (f"c{len(self._constants)}", value))[0]

    @property
    def tensors(self) -> list[paddle.Tensor]:
        """The tensors that lines call, in the order in which they were named."""
        return [each for _, each in self._constants.values() if isinstance(each, paddle.Tensor)]

    def line(self, expression: str, rank: int | None = None) -> Symbol:
        """Writes a line of the forward pass; returns its value."""
        out = Symbol(self._variable(), self, rank)
        self._forward.append(f"{out.name} = {expression}")
        return out

    def lines(self, expression: str, count: int, rank: int | None = None) -> list[Symbol]:
        """Writes a line of the forward pass that has ``count`` values; returns them."""
        parts = [Symbol(self._variable(), self, rank) for _ in range(count)]
        names = "".join(f"{part.name}, " for part in parts)
        self._forward.append(f"{names}= {expression}")
        return parts

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

    def finish(self, logits: Symbol, pull: Callable | None = None) -> None:
        """Writes the loss of some logits, and all gradients.

        Args:
            logits: the logits.
            pull: see `written_step.WrittenStep`.
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
        if pull:  # linear in the logits, so the factor is the gradient
            pulled = self.line(f"_C_ops.multiply({self.name(pull)}(labels), weights)")
            products = f"_C_ops.multiply({logits.name}, {pulled.name})"
            loss = self.line(f"_C_ops.add({loss.name}, _C_ops.sum({products}, [], None, False))")
            logits.give(pulled.name)
        while self._rules:
            self._rules.pop()()
        gradients = ", ".join([str(self.features.gradient), *self._gradients.values()])
        inner = [f"        {line}" for line in [*self._backward, f"return [{gradients}]"]]
        outer = [f"    {line}" for line in self._forward]
        last = f"    return {loss.name}, {logits.name}, backward"
        source = ["def step(x, labels, weights):", *outer, "    def backward():", *inner, last]
        self.source = "\n".join(source)

    def function(self) -> Callable:
        """Returns the finished step.

        It takes features, labels ``[tasks, batch, 1]`` and each row's weight, of
        the labels' shape; it returns the loss, the logits, and a function that returns the
        gradients of the features (or None) and of the `parameters`.
        """
        names = {"_C_ops": _C_ops, **dict(self._constants.values())}
        exec(self.source, names)
        return names.pop("step")

    def _variable(self) -> str:
        self._count += 1
        return f"v{self._count}"
