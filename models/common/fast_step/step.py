"""Decides when a net's training step is written as code, and runs the written step.

A step is written for a net whose ``logits`` does the same in every call, except for the numbers.
So ``logits`` is called twice, and autograd is used if the two texts, or the net's attributes,
differ. Autograd is also used if a function of the net takes tensors only, and if hooks are
registered on parts of the net.
"""

from __future__ import annotations

import logging
import os
import random
import traceback
from collections.abc import Callable, Sequence
from functools import partial
from operator import attrgetter, is_

import numpy as np
import paddle
from paddle import nn

from models.common.fast_step import losses
from models.common.fast_step.code import AVAILABLE, StepCode
from models.common.fast_step.step_loss import StepLoss
from models.common.fast_step.symbols import Symbol

logger = logging.getLogger(__name__)

_training, _frozen = attrgetter("training"), attrgetter("stop_gradient")
_HERE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))


class FastStep:
    """The training step of a net, written again when other parts of the net are trained.

    Args:
        net: the net; a `MultiTaskNet`.
    """

    def __init__(self, net: nn.Layer):
        self.net = net
        self._layers, self._inner = net.sublayers(include_self=True), net.sublayers()
        self._parameters = net.parameters()
        self._steps: dict[tuple, Callable | None] = {}
        self._hooked = False
        why = _impossible(net)
        self._possible = not why
        if why:
            self._log_autograd(why)
            return
        self._hooked = any(map(_had_hook, self._parameters))
        for parameter in self._parameters:
            _watch_hooks(parameter, self._on_hook)
        if self._hooked:
            self._log_autograd("a parameter has a hook")

    def function(self) -> Callable | None:
        """Returns the step, or None if autograd has to find the gradients.

        The step takes the arrays of `Inputs.scaled`, labels and each row's weight. It returns the
        logits and a `StepLoss`.
        """
        if not self._possible or self._hooked:
            return None
        if any(each._forward_pre_hooks or each._forward_post_hooks for each in self._inner):
            self._hooked = True
            self._log_autograd("a layer has a hook")
            return None
        # A step is written for the layers in training mode, and for the parameters that learn.
        state = (*map(_training, self._layers), *map(_frozen, self._parameters))
        if state not in self._steps:
            self._steps[state] = self._write()
        return self._steps[state]

    def _write(self) -> Callable | None:
        try:
            code = written(self.net)
        except Exception as error:  # Paddle's functions say in many ways that they need tensors
            self._log_autograd(_reason(error))
            return None
        name, lines = type(self.net).__name__, code.source.count("\n")
        logger.info("%s: fast step, written in %d lines", name, lines)
        return _step(code)

    def _on_hook(self) -> None:
        if not self._hooked:
            self._hooked = True
            self._log_autograd("a parameter has a hook")

    def _log_autograd(self, why: str) -> None:
        logger.info("%s: no fast step, gradients by autograd: %s", type(self.net).__name__, why)


def _impossible(net: nn.Layer) -> str:
    """Returns why no step can be written for a net; an empty text if one may be."""
    if not AVAILABLE:
        return f"Paddle {paddle.__version__} lacks operators that the fast step calls"
    for head in net.heads:
        if head.loss.within:
            return f"the loss {head.loss.name} compares the rows of one {head.loss.within}"
    return "" if net.writable else "its class says writable = False"


def _had_hook(parameter: paddle.Tensor) -> bool:
    """Returns whether a gradient hook was ever registered: Paddle numbers them from 0."""
    own, frozen = getattr(parameter, "_hooks_probed", 0), parameter.stop_gradient
    parameter.stop_gradient = False  # Paddle registers hooks on others only
    helper = parameter.register_hook(lambda gradient: None)
    helper.remove()
    parameter.stop_gradient = frozen
    parameter._hooks_probed = own + 1
    return helper._hook_id != own


def _watch_hooks(parameter: paddle.Tensor, notify: Callable[[], None]) -> None:
    """Calls ``notify`` when a gradient hook is registered on a parameter from now on."""
    register = type(parameter).register_hook

    def register_hook(hook: Callable):
        notify()
        return register(parameter, hook)

    parameter.register_hook = register_hook


def _reason(error: Exception) -> str:
    """Returns why a step cannot be written, in words that name the net's line."""
    text = str(error).strip().splitlines()[0] if str(error).strip() else type(error).__name__
    frames = traceback.extract_tb(error.__traceback__)
    outside = [frame for frame in frames if not frame.filename.startswith(_HERE)]
    packages = os.path.dirname(os.path.dirname(paddle.__file__))
    of_net = [frame for frame in outside if not frame.filename.startswith(packages)]
    if not of_net:
        return text
    place = f"{os.path.basename(of_net[-1].filename)}, line {of_net[-1].lineno}"
    if "Symbol" in text:
        text = "a function that is not in models/common/layers/ops.py; ops.composite can call it"
    return f"{place}: {text}"


def written(net: nn.Layer) -> StepCode:
    """Returns the code of a net's training step; net and random numbers stay as they were.

    Raises:
        Exception: ``logits`` does something that cannot be written.
    """
    layers = net.sublayers(include_self=True)
    start, random_state = _attributes(layers), _random_state()
    try:
        first = _code(net)  # a net may keep objects that it creates in its first call
        before = _attributes(layers)
        code = _code(net)
        after = _attributes(layers)
        for attributes in after:
            _check_kept(attributes)
        alike = code.source == first.source and _identical(code.tensors, first.tensors)
        if not alike or not all(map(_identical, before, after)):
            raise ValueError("logits does something else in each call")
        return code
    finally:
        for layer, attributes in zip(layers, start):
            vars(layer).clear()
            vars(layer).update(attributes)
        _set_random_state(random_state)


def _check_kept(attributes: dict) -> None:
    """Raises a ValueError if ``logits`` keeps a tensor in an attribute: others may read it."""
    for name, value in attributes.items():
        items = value.values() if isinstance(value, dict) else value
        kept = items if isinstance(value, (dict, list, tuple)) else [value]
        if any(isinstance(each, Symbol) for each in kept):
            raise ValueError(f"logits keeps a tensor in self.{name}")


def _code(net: nn.Layer) -> StepCode:
    code, inputs = StepCode(), net.inputs
    ranks = {"dense": None if inputs.are_images else 2, "domain": 1}
    arrays = [Symbol(name, code, ranks.get(name, 2), wanted=False) for name in inputs.ready]
    logits = net.logits(inputs.joined(arrays))
    if net.stacked:
        code.finish(inputs.ready, logits.name, losses.write(net, code, logits))
        return code
    each = net.by_task(logits)
    loss = losses.write(net, code, *each)
    code.finish(inputs.ready, f"[{', '.join(symbol.name for symbol in each)}]", loss)
    return code


def _attributes(layers: Sequence[nn.Layer]) -> list[dict]:
    return [dict(vars(layer)) for layer in layers]


def _random_state() -> tuple:
    return paddle.get_rng_state(), np.random.get_state(), random.getstate()


def _set_random_state(state: tuple) -> None:
    paddle.set_rng_state(state[0])
    np.random.set_state(state[1])
    random.setstate(state[2])


def _identical(some, others) -> bool:
    """Returns whether two lists, or two mappings, hold the very same objects."""
    if isinstance(some, dict):
        if some.keys() != others.keys():
            return False
        some, others = some.values(), others.values()
    return len(some) == len(others) and all(map(is_, some, others))


def _step(code: StepCode) -> Callable:
    step, parameters = code.function(), code.parameters
    checked = False

    def run(*batch) -> tuple:
        nonlocal checked
        with paddle.no_grad():
            loss, logits, back = step(*batch)
        if not checked:
            back, checked = partial(_checked, back, parameters), True
        return logits, StepLoss(loss, back, parameters)

    return run


def _checked(back: Callable, parameters: Sequence) -> list:
    """Returns the gradients, after checking their shapes: an operator may be misused.

    Raises:
        ValueError: a gradient has not the shape of its parameter.
    """
    gradients = back()
    for parameter, gradient in zip(parameters, gradients):
        if gradient.is_dense() and parameter.shape != gradient.shape:
            raise ValueError(
                f"the written gradient of {parameter.name} has shape {gradient.shape}, the "
                f"parameter {parameter.shape}: set writable = False in the net's class"
            )
    return gradients
