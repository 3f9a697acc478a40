"""When a net's training step is written as code, and the step that was written.

A step is written for a net whose ``logits`` does the same in every call, but for the numbers. So
``logits`` is called twice: where the texts differ, or the net's attributes do, autograd finds the
gradients. They are also left to autograd where a function takes tensors only, where hooks look
at what the code leaves out, and where the loss has a penalty.
"""

from __future__ import annotations

import logging
import random
from collections.abc import Callable, Sequence
from functools import partial
from operator import attrgetter, is_

import numpy as np
import paddle

from models.common.contract.net import MultiTaskNet
from models.common.fast_step.step_code import AVAILABLE, StepCode

logger = logging.getLogger(__name__)

_set_grad = paddle.base.core.eager.Tensor.grad.__set__  # a parameter's own goes through Python
_training, _frozen = attrgetter("training"), attrgetter("stop_gradient")


class WrittenStep:
    """The training step of a net, written anew when other parts of it are trained.

    Args:
        net: the net.
        pull: given labels, returns what label smoothing adds to the logits' gradient in a row's
            loss (`smoothing.Smoothing.pull`); None without it.
    """

    def __init__(self, net: MultiTaskNet, pull: Callable | None = None):
        self.net, self._pull = net, pull
        self._layers, self._parameters = net.sublayers(include_self=True), net.parameters()
        self._steps: dict[tuple, Callable | None] = {}
        self._possible = AVAILABLE and net.writable
        problem = _hook(net) if self._possible else None
        if problem:
            self._possible = False
            self._log(problem)

    def function(self) -> Callable | None:
        """Returns the step, or None if autograd is to find the gradients.

        The step takes features, labels and each row's weight, and returns the logits and a
        `StepLoss`.
        """
        if not self._possible:
            return None
        # A step is written for the layers that are in training, and the parameters that learn.
        state = (*map(_training, self._layers), *map(_frozen, self._parameters))
        if state not in self._steps:
            self._steps[state] = self._write()
        return self._steps[state]

    def _write(self) -> Callable | None:
        try:
            return _step(written(self.net, self._pull))
        except Exception as error:  # Paddle's functions say in many ways that they take tensors
            self._log(error)
            return None

    def _log(self, why: object) -> None:
        logger.info("%s: gradients by autograd (%s)", type(self.net).__name__, why)


def _hook(net: MultiTaskNet) -> str | None:
    """Returns which hook keeps a net's step from being written, or None."""
    if any(each._forward_pre_hooks or each._forward_post_hooks for each in net.sublayers()):
        return "a layer has a hook"
    if any(_hooked(each) for each in net.parameters() if not each.stop_gradient):
        return "a parameter has a hook"
    return None


def _hooked(parameter: paddle.Tensor) -> bool:
    """Returns whether a parameter ever had a gradient hook: Paddle numbers them from 0 on."""
    own = getattr(parameter, "_looked_at", 0)
    helper = parameter.register_hook(lambda gradient: None)
    helper.remove()
    parameter._looked_at = own + 1
    return helper._hook_id != own


def written(net: MultiTaskNet, pull: Callable | None = None) -> StepCode:
    """Returns the code of a net's training step, and leaves the net and chance as they were.

    Raises:
        Exception: ``logits`` does what cannot be written.
    """
    layers = net.sublayers(include_self=True)
    start, chance = _attributes(layers), _chance()
    try:
        first = _code(net, pull)  # a net may keep what it makes in its first call
        before = _attributes(layers)
        code = _code(net, pull)
        if net.penalty is not None:
            raise ValueError("the loss has a penalty")
        after = _attributes(layers)
        alike = code.source == first.source and _identical(code.tensors, first.tensors)
        if not alike or not all(map(_identical, before, after)):
            raise ValueError("logits does something else in each call")
        return code
    finally:
        for layer, attributes in zip(layers, start):
            vars(layer).clear()
            vars(layer).update(attributes)
        _set_chance(chance)


def _code(net: MultiTaskNet, pull: Callable | None) -> StepCode:
    flat = all(len(spec.shape) == 2 for spec in net.inputs.specs)
    code = StepCode(net.inputs.trained, rank=2 if flat else None)
    code.finish(net.logits(code.features), pull)
    return code


def _attributes(layers: Sequence[paddle.nn.Layer]) -> list[dict]:
    return [dict(vars(layer)) for layer in layers]


def _chance() -> tuple:
    return paddle.get_rng_state(), np.random.get_state(), random.getstate()


def _set_chance(state: tuple) -> None:
    paddle.set_rng_state(state[0])
    np.random.set_state(state[1])
    random.setstate(state[2])


def _identical(some, others) -> bool:
    """Returns whether two lists, or two mappings, have the very same values."""
    if isinstance(some, dict):
        if some.keys() != others.keys():
            return False
        some, others = some.values(), others.values()
    return len(some) == len(others) and all(map(is_, some, others))


def _step(code: StepCode) -> Callable:
    step, parameters = code.function(), code.parameters
    checked = False

    def losses(features, labels, weights) -> tuple:
        nonlocal checked
        with paddle.no_grad():
            loss, logits, back = step(features, labels, weights)
        if not checked:
            back, checked = partial(_checked, back, parameters), True
        return logits, StepLoss(loss, back, features, parameters)

    return losses


def _checked(back: Callable, parameters: Sequence) -> list:
    """Returns the gradients, if they fit: a net may use an operator on shapes it is not for.

    Raises:
        ValueError: a gradient has not its parameter's shape.
    """
    gradients = back()
    for parameter, gradient in zip(parameters, gradients[1:]):
        if parameter.shape != gradient.shape:
            raise ValueError(
                f"the written gradient of {parameter.name} has shape {gradient.shape}, the "
                f"parameter {parameter.shape}: set writable = False in the net's class"
            )
    return gradients


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
        """Adds to the gradients of all parameters."""
        with paddle.no_grad():
            of_features, *gradients = self._back()
            for parameter, gradient in zip(self._parameters, gradients):
                before = parameter.grad
                if before is not None:
                    gradient = before + gradient
                _set_grad(parameter, gradient)
        if of_features is not None:
            self._features.backward(of_features)
