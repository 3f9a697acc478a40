"""Exponential moving averages of the parameters; evaluation uses them instead of the parameters.

After n steps with decay d, the average of a parameter x is (1 - d) / (1 - d^n) times the sum over
the steps i of d^(n - i) x_i. The factor corrects the start as in Adam (Kingma and Ba 2015,
https://arxiv.org/abs/1412.6980, section 3). Only the sums are stored.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import paddle
from paddle import _C_ops

from engine.checkpoints.formats import AVERAGES

Arrays = Mapping[str, np.ndarray]

_SUM, _TRAINED, _STEPS = "sum.", "parameter.", "steps"  # prefixes of the names in a checkpoint
_PREFIX = "moving_sum_of_"  # of the sums' variables in a program


def average(sums: Arrays, decay: float, steps: int) -> dict[str, np.ndarray]:
    """Returns the averages by name, from the sums over at least one step."""
    factor = weight(decay, steps)
    return {name: (value * factor).astype(value.dtype) for name, value in sums.items()}


def weight(decay: float, steps: int) -> float:
    """Returns the factor between the sums over some steps and the averages."""
    return (1 - decay) / -np.expm1(steps * np.log(decay))


def pack(trained: Arrays, sums: Arrays, steps: int) -> dict[str, np.ndarray]:
    """Returns what a checkpoint needs besides the averages to resume training.

    Args:
        trained: the trained parameters.
        sums: their moving sums.
        steps: the number of steps in the sums.
    """
    packed = {_STEPS: np.array(steps)}
    packed.update({_SUM + name: value for name, value in sums.items()})
    packed.update({_TRAINED + name: trained[name] for name in sums})
    return packed


def unpack(state: Mapping[str, Any]) -> tuple[dict, dict, int]:
    """Returns the arguments of `pack` from a checkpoint's content.

    They are empty, with 0 steps, if the checkpoint has no averages.
    """
    packed = state.get(AVERAGES) or {_STEPS: np.array(0)}
    trained, sums = (
        {name[len(prefix) :]: value for name, value in packed.items() if name.startswith(prefix)}
        for prefix in (_TRAINED, _SUM)
    )
    return trained, sums, int(packed[_STEPS])


class Averages:
    """The moving sums of a dygraph net's parameters.

    Args:
        net: the net.
        decay: d in the formula of this module.

    Attributes:
        steps: the number of steps in the sums.
    """

    def __init__(self, net: paddle.nn.Layer, decay: float):
        named = net.state_dict().items()
        self._tensors = {name: tensor for name, tensor in named if _is_averaged(tensor)}
        self._decay = decay
        self._sums: list[paddle.Tensor] = []
        self.steps = 0

    @paddle.no_grad()
    def update(self) -> None:
        """Adds the parameters after a step to the sums."""
        tensors = list(self._tensors.values())
        if not self._sums:
            self._sums = [paddle.zeros_like(tensor) for tensor in tensors]
            self._zero_rates = [paddle.zeros([1])] * len(tensors)
        # One kernel for all parameters: the velocity of a momentum step is such a sum if the
        # parameters are passed as gradients. A learning rate of 0 leaves the parameters as they
        # are.
        rates = self._zero_rates
        _C_ops.merged_momentum_(
            tensors, tensors, self._sums, rates, None, self._decay, False, [], [], False, 1.0
        )
        self.steps += 1

    def values(self) -> dict[str, np.ndarray]:
        """Returns the averages by the parameters' names; nothing before the first step."""
        return average(self._arrays(), self._decay, self.steps) if self.steps else {}

    def state(self) -> dict[str, np.ndarray]:
        """Returns what a checkpoint needs besides the averages; see `pack`."""
        trained = {name: tensor.numpy() for name, tensor in self._tensors.items()}
        return pack(trained, self._arrays(), self.steps)

    def load(self, sums: Arrays, steps: int) -> None:
        """Restores saved sums; empty ``sums`` start new averages."""
        self._sums, self.steps = [], steps
        if sums:
            self._sums = [paddle.to_tensor(sums[name]) for name in self._tensors]
            self._zero_rates = [paddle.zeros([1])] * len(self._sums)

    def _arrays(self) -> dict[str, np.ndarray]:
        return {name: total.numpy() for name, total in zip(self._tensors, self._sums)}


def _is_averaged(tensor: Any) -> bool:
    return not tensor.stop_gradient and tensor.dtype == paddle.float32


class ProgramAverages:
    """The moving sums of a static program's parameters, as variables of the program.

    Args:
        decay: d in the formula of this module; 0 for no averages.

    Attributes:
        variables: the names of the sums' variables, by the parameters' names.
        steps: the number of steps in the sums.
    """

    def __init__(self, decay: float):
        self._decay = decay
        self.variables: dict[str, str] = {}
        self.steps = 0

    def add_to_program(self) -> None:
        """Adds the sums to the default program; call it after adding the optimizer."""
        if self._decay:
            self.variables = _add_to_program(self._decay)

    def values(self, variables: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Returns the averages by the parameters' names; nothing before the first step.

        Args:
            variables: the program's variables by name.
        """
        if not self.variables or not self.steps:
            return {}
        return average(self.sums(variables), self._decay, self.steps)

    def sums(self, variables: Mapping[str, Any]) -> dict[str, np.ndarray]:
        """Returns the sums by the parameters' names, from the program's variables."""
        return {name: np.array(variables[total]) for name, total in self.variables.items()}


def _add_to_program(decay: float) -> dict[str, str]:
    """Adds the sums to the program; returns their variables' names by the parameters' names."""
    program = paddle.static.default_main_program()
    parameters = [
        parameter
        for parameter in program.global_block().all_parameters()
        if _is_averaged(parameter) and not parameter.name.startswith("learning_rate")
    ]
    if paddle.framework.in_pir_mode():
        # Under PIR the merged kernel gets copies of the parameters, so each one has its own call.
        zero_rate = paddle.full([1], 0.0)
        for parameter in parameters:
            inputs = (parameter, parameter, _create_sum(parameter), zero_rate, None, decay)
            _C_ops.momentum_(*inputs, False, "", 0.0, False, 1.0)
    else:
        sums = [_create_sum(parameter) for parameter in parameters]
        name = f"{_PREFIX}none"
        zero_rate = paddle.static.create_global_var(
            [1], 0.0, "float32", persistable=True, name=name
        )
        inputs = {"Param": parameters, "Grad": parameters, "Velocity": sums}
        program.global_block().append_op(
            type="merged_momentum",
            inputs={**inputs, "LearningRate": [zero_rate] * len(parameters)},
            outputs={"ParamOut": parameters, "VelocityOut": sums},
            attrs={"mu": decay},
        )
    return {parameter.name: _PREFIX + parameter.name for parameter in parameters}


def is_sum(name: str) -> bool:
    """Returns whether a program's variable was added by `ProgramAverages`."""
    return name.startswith(_PREFIX)


def _create_sum(parameter: Any) -> Any:
    """Creates the variable of a parameter's sum, which starts at zero."""
    name, shape = _PREFIX + parameter.name, list(parameter.shape)
    if paddle.framework.in_pir_mode():
        zero = paddle.nn.initializer.Constant(0)
        create = paddle.pir.core.create_persistable_value
        return create("float32", shape, name=name, initializer=zero)
    return paddle.static.create_global_var(shape, 0.0, "float32", persistable=True, name=name)
