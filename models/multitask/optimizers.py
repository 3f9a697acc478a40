"""Optimizers by the names that YAMLs use."""

from __future__ import annotations

from collections.abc import Sequence

import paddle
from paddle import _C_ops

_PADDLE_3 = not paddle.__version__.startswith("2.")  # its fused kernel has AMSGrad's moment too


class FusedAdam(paddle.optimizer.Adam):
    """Adam whose dygraph step is one kernel call for all parameters.

    Kingma and Ba 2015, https://arxiv.org/abs/1412.6980, with Paddle's kernel and state. Paddle's
    own step prepares every parameter anew in Python, which on small models takes longer than
    the kernel does. Steps that the fused kernel cannot take (the first one, sparse gradients,
    clipping, weight decay, a parameter without a gradient) are left to Paddle.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._fused = None

    @paddle.no_grad()
    def step(self) -> None:
        """Updates the parameters from their gradients."""
        if self._fused is not None:
            parameters, *moments = self._fused
            gradients = [parameter.grad for parameter in parameters]
            if all(gradient is not None and gradient.is_dense() for gradient in gradients):
                self._fused_step(parameters, gradients, *moments)
                return
        super().step()
        self._fused = self._gather()

    def _fused_step(self, parameters, gradients, moments1, moments2, powers1, powers2) -> None:
        if not isinstance(self._learning_rate, float):
            self._create_global_learning_rate()  # takes the scheduler's new value
        rates = [self._global_learning_rate()] * len(parameters)
        amsgrad = [None] if _PADDLE_3 else []
        flags = [False] * (3 if _PADDLE_3 else 2)
        _C_ops.merged_adam_(
            parameters,
            gradients,
            rates,
            moments1,
            moments2,
            *amsgrad,
            powers1,
            powers2,
            None,
            self._beta1,
            self._beta2,
            self._epsilon,
            *flags,
        )

    def _gather(self) -> tuple[list, ...] | None:
        """Returns the parameters and their four accumulators, or None if the kernel won't do."""
        if self._grad_clip or self.regularization or self._lazy_mode:
            return None
        names = ("moment1", "moment2", "beta1_pow_acc", "beta2_pow_acc")
        trainable = [p for p in self._parameter_list if not p.stop_gradient]
        states = [self._accumulators[name] for name in names]
        if not all(p.name in state for p in trainable for state in states):
            return None
        return (trainable, *([state[p.name] for p in trainable] for state in states))

    def clear_grad(self, set_to_zero: bool = False) -> None:
        """Drops the gradients; the next backward pass makes new ones."""
        for parameter in self._fused[0] if self._fused else self._parameter_list:
            parameter.clear_gradient(set_to_zero)

    def set_state_dict(self, state_dict) -> None:
        """Takes up a saved state."""
        super().set_state_dict(state_dict)
        self._fused = None


_CLASSES = {
    "adam": FusedAdam,
    "adamw": paddle.optimizer.AdamW,
    "adagrad": paddle.optimizer.Adagrad,
    "momentum": paddle.optimizer.Momentum,
    "sgd": paddle.optimizer.SGD,
}


def create_optimizer(config, parameters: Sequence | None = None) -> paddle.optimizer.Optimizer:
    """Returns the optimizer of ``hyper_parameters.optimizer``: its class and learning rate.

    Args:
        config: the flat configuration.
        parameters: the parameters in dygraph; None in static graph.

    Raises:
        ValueError: no such optimizer, or a learning rate that is not positive.
    """
    name = config.get("hyper_parameters.optimizer.class", "adam")
    rate = config.get("hyper_parameters.optimizer.learning_rate", 0.001)
    if str(name).lower() not in _CLASSES:
        known = ", ".join(_CLASSES)
        raise ValueError(f"hyper_parameters.optimizer.class: expected {known}, found {name!r}")
    if isinstance(rate, bool) or not isinstance(rate, (int, float)) or not rate > 0:
        raise ValueError(
            f"hyper_parameters.optimizer.learning_rate: expected a positive number, found {rate!r}"
        )
    return _CLASSES[str(name).lower()](learning_rate=float(rate), parameters=parameters)
