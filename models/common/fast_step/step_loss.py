"""The loss of a fast step: its ``backward`` runs the written gradients."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import paddle

_set_grad = paddle.base.core.eager.Tensor.grad.__set__  # a parameter's own setter runs in Python


class StepLoss:
    """The loss of a written step: it offers what training does with a tensor.

    Args:
        value: the loss, one number.
        back: returns the gradients of the parameters.
        parameters: the parameters.
    """

    def __init__(self, value: paddle.Tensor, back: Callable, parameters: Sequence):
        self.item, self.detach = value.item, value.detach
        self._back, self._parameters = back, parameters

    def backward(self) -> None:
        """Adds to the gradients of all parameters."""
        with paddle.no_grad():
            for parameter, gradient in zip(self._parameters, self._back()):
                before = parameter.grad
                if before is not None:
                    gradient = before + gradient
                _set_grad(parameter, gradient)
