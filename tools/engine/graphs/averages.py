"""Exponential moving averages of parameters, which evaluation takes in their place.

After n steps the average of a parameter x is (1 - d) / (1 - d^n) times the sum over steps i of
d^(n - i) x_i: Polyak's averaging with a decay d, corrected for its start as in Adam (Kingma and Ba
2015, https://arxiv.org/abs/1412.6980, section 3). What is kept is the sum.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import paddle
from paddle import _C_ops

from engine.checkpoints.formats import AVERAGES

Arrays = Mapping[str, np.ndarray]

_SUM, _OWN, _STEPS = "sum.", "parameter.", "steps"
_PREFIX = "moving_sum_of_"  # of a program's variables


def averaged(sums: Arrays, decay: float, steps: int) -> dict[str, np.ndarray]:
    """Returns the averages that sums over some steps, at least one, stand for."""
    share = (1 - decay) / -np.expm1(steps * np.log(decay))
    return {name: (value * share).astype(value.dtype) for name, value in sums.items()}


def packed(own: Arrays, sums: Arrays, steps: int) -> dict[str, np.ndarray]:
    """Returns what a checkpoint keeps beside the averages, to train on from.

    Args:
        own: the parameters that are trained.
        sums: their sums.
        steps: over how many steps.
    """
    kept = {_STEPS: np.array(steps)}
    kept.update({_SUM + name: value for name, value in sums.items()})
    kept.update({_OWN + name: own[name] for name in sums})
    return kept


def unpacked(state: Mapping[str, Any]) -> tuple[dict, dict, int]:
    """Returns what `packed` was given, from a checkpoint's parts; nothing if it has no averages."""
    kept = state.get(AVERAGES) or {_STEPS: np.array(0)}
    own, sums = (
        {name[len(prefix) :]: value for name, value in kept.items() if name.startswith(prefix)}
        for prefix in (_OWN, _SUM)
    )
    return own, sums, int(kept[_STEPS])


class Averages:
    """The moving sums of a dygraph net's parameters.

    Args:
        net: the net.
        decay: d.
    """

    def __init__(self, net: paddle.nn.Layer, decay: float):
        named = net.state_dict().items()
        self._tensors = {name: each for name, each in named if _counts(each)}
        self._decay = decay
        self._sums: list[paddle.Tensor] = []
        self.steps = 0

    @paddle.no_grad()
    def update(self) -> None:
        """Counts a step that was just taken."""
        tensors = list(self._tensors.values())
        if not self._sums:
            self._sums = [paddle.zeros_like(tensor) for tensor in tensors]
            self._none = [paddle.zeros([1])] * len(tensors)
        # One kernel for all: the velocity of a momentum step is such a sum, if what is trained is
        # taken for the gradient. With a learning rate of 0 nothing is moved by it.
        _C_ops.merged_momentum_(
            tensors, tensors, self._sums, self._none, None, self._decay, False, [], [], False, 1.0
        )
        self.steps += 1

    def values(self) -> dict[str, np.ndarray]:
        """Returns the averages by the parameters' names; nothing before the first step."""
        return averaged(self._arrays(), self._decay, self.steps) if self.steps else {}

    def state(self) -> dict[str, np.ndarray]:
        """Returns what a checkpoint keeps beside the averages."""
        own = {name: tensor.numpy() for name, tensor in self._tensors.items()}
        return packed(own, self._arrays(), self.steps)

    def load(self, sums: Arrays, steps: int) -> None:
        """Takes up saved sums; none of them to start anew."""
        self._sums, self.steps = [], steps
        if sums:
            self._sums = [paddle.to_tensor(sums[name]) for name in self._tensors]
            self._none = [paddle.zeros([1])] * len(self._sums)

    def _arrays(self) -> dict[str, np.ndarray]:
        return {name: each.numpy() for name, each in zip(self._tensors, self._sums)}


def _counts(tensor: Any) -> bool:
    return not tensor.stop_gradient and tensor.dtype == paddle.float32


class ProgramAverages:
    """The moving sums of a static program's parameters, which are variables of the program.

    Args:
        decay: d; 0 for no averages.

    Attributes:
        variables: the names of the sums' variables, by the parameters' names.
        steps: the number of steps that the sums are over.
    """

    def __init__(self, decay: float):
        self._decay = decay
        self.variables: dict[str, str] = {}
        self.steps = 0

    def add_to_program(self) -> None:
        """Adds the sums to the program that is being built, after its optimizer."""
        if self._decay:
            self.variables = _add_to_program(self._decay)

    def values(self, everything: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Returns the averages by the parameters' names; nothing before the first step.

        Args:
            everything: the program's variables by name.
        """
        if not self.variables or not self.steps:
            return {}
        return averaged(self.sums(everything), self._decay, self.steps)

    def sums(self, everything: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Returns the sums by the parameters' names, from the program's variables."""
        return {name: np.array(everything[each]) for name, each in self.variables.items()}


def _add_to_program(decay: float) -> dict[str, str]:
    """Adds the sums to the program; returns their variables' names by the parameters' names."""
    program = paddle.static.default_main_program()
    parameters = [each for each in program.global_block().all_parameters() if _counts(each)]
    parameters = [each for each in parameters if not each.name.startswith("learning_rate")]
    if paddle.framework.in_pir_mode():
        # The merged kernel finds its parameters copied there: one for each.
        none = paddle.full([1], 0.0)
        for parameter in parameters:
            given = (parameter, parameter, _sum_of(parameter), none, None, decay)
            _C_ops.momentum_(*given, False, "", 0.0, False, 1.0)
    else:
        sums = [_sum_of(parameter) for parameter in parameters]
        name = f"{_PREFIX}none"
        none = paddle.static.create_global_var([1], 0.0, "float32", persistable=True, name=name)
        inputs = {"Param": parameters, "Grad": parameters, "Velocity": sums}
        program.global_block().append_op(
            type="merged_momentum",
            inputs={**inputs, "LearningRate": [none] * len(parameters)},
            outputs={"ParamOut": parameters, "VelocityOut": sums},
            attrs={"mu": decay},
        )
    return {parameter.name: _PREFIX + parameter.name for parameter in parameters}


def is_own(name: str) -> bool:
    """Returns whether a program's variable belongs to `ProgramAverages`."""
    return name.startswith(_PREFIX)


def _sum_of(parameter: Any) -> Any:
    name, shape = _PREFIX + parameter.name, list(parameter.shape)
    if paddle.framework.in_pir_mode():
        zero = paddle.nn.initializer.Constant(0)
        make = paddle.pir.core.create_persistable_value
        return make("float32", shape, name=name, initializer=zero)
    return paddle.static.create_global_var(shape, 0.0, "float32", persistable=True, name=name)
