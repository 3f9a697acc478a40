"""The text of a training step: lines of the forward pass, then lines of the backward pass."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import paddle
from paddle import _C_ops

AVAILABLE = hasattr(_C_ops, "relu_grad")  # Paddle 2.6 exposes no gradient kernels


class StepCode:
    """The lines of a training step, which operators write; see README.md in this folder.

    Attributes:
        parameters: the parameters that the step computes gradients of.
        source: the step's text, once it is finished.
    """

    source: str

    def __init__(self) -> None:
        self.parameters: list[paddle.Tensor] = []
        self._gradients: dict[str, str] = {}  # the gradients' names, by the parameters' names
        self._constants: dict[int, tuple[str, Any]] = {}  # by id: the name, and the object
        self._forward: list[str] = []
        self._backward: list[str] = []
        self._rules: list[Callable[[], None]] = []
        self._count = 0

    def constant(self, value: Any) -> str:
        """Returns the name of an object that exists before the step: a tensor or a function.

        Raises:
            TypeError: the tensor was computed from parameters, so it changes in every step.
        """
        if isinstance(value, paddle.Tensor) and not (value.stop_gradient or value.is_leaf):
            raise TypeError("a tensor is computed from parameters by a function that is not in ops")
        return self._constants.setdefault(id(value), (f"c{len(self._constants)}", value))[0]

    @property
    def tensors(self) -> list[paddle.Tensor]:
        """The tensors that the lines use, in the order in which they were named."""
        return [each for _, each in self._constants.values() if isinstance(each, paddle.Tensor)]

    def forward(self, expression: str, count: int | None = None) -> list[str]:
        """Writes a line of the forward pass and returns the names of its values.

        Args:
            expression: the right side of the line.
            count: the number of values if the expression returns several; None for one value.
        """
        names = [self._variable() for _ in range(count or 1)]
        left = names[0] if count is None else "".join(f"{name}, " for name in names)
        self._forward.append(f"{left} = {expression}")
        return names

    def rule(self, write_backward: Callable[[], None]) -> None:
        """Registers what writes the backward lines of the last forward line."""
        self._rules.append(write_backward)

    def backward(self, expression: str, count: int | None = None) -> list[str]:
        """Writes a line of the backward pass and returns the names of its values; see `forward`."""
        names = [self._variable() for _ in range(count or 1)]
        self._backward.append(f"{', '.join(names)} = {expression}")
        return names

    def add_gradient(self, parameter: paddle.Tensor, expression: str) -> None:
        """Writes what adds to a parameter's gradient, if the parameter is trained."""
        if parameter.stop_gradient:
            return
        name = self.constant(parameter)
        before = self._gradients.get(name)
        (added,) = self.backward(expression)
        if before is None:
            self.parameters.append(parameter)
        else:
            (added,) = self.backward(f"_C_ops.add({before}, {added})")
        self._gradients[name] = added

    def finish(self, inputs: Sequence[str], logits: str, loss: str) -> None:
        """Writes all backward lines and joins the text.

        Args:
            inputs: the names of the step's inputs.
            logits: what the step returns as the logits; their gradients are written.
            loss: the name of the loss.
        """
        while self._rules:
            self._rules.pop()()
        gradients = ", ".join(self._gradients.values())
        inner = [f"        {line}" for line in [*self._backward, f"return [{gradients}]"]]
        outer = [f"    {line}" for line in self._forward]
        last = f"    return {loss}, {logits}, backward"
        names = ", ".join([*inputs, "labels", "weights"])
        source = [f"def step({names}):", *outer, "    def backward():", *inner, last]
        self.source = "\n".join(source)

    def function(self) -> Callable:
        """Returns the finished step as a function.

        It takes the inputs, the labels ``[tasks, batch, 1]`` and each row's weight, of the labels'
        shape. It returns the loss, the logits, and a function that returns the gradients of the
        `parameters`.
        """
        names = {"_C_ops": _C_ops, **dict(self._constants.values())}
        exec(self.source, names)
        return names.pop("step")

    def _variable(self) -> str:
        self._count += 1
        return f"v{self._count}"
