"""Adam whose step is one kernel call for all parameters."""

from __future__ import annotations

import paddle
from paddle import _C_ops

_PADDLE_3 = not paddle.__version__.startswith("2.")  # its fused kernel has AMSGrad's moment too
_MIN_ROWS = 1000  # Paddle's default: from there on its kernel takes threads
_STATE = ("moment1", "moment2", "beta1_pow_acc", "beta2_pow_acc")


def _in_pir() -> bool:
    return _PADDLE_3 and paddle.framework.in_pir_mode()


class FusedAdam(paddle.optimizer.Adam):
    """Adam whose step is one kernel call for all parameters.

    Kingma and Ba 2015, https://arxiv.org/abs/1412.6980, with Paddle's kernel and state. Paddle's
    own step prepares every parameter in Python, which takes longer than the kernel on small
    models. Paddle still takes the first step, which creates the state, and every step with
    clipping, weight decay or a parameter without a gradient. Embedding tables with sparse
    gradients have a lazy step of their own: only the rows that were looked up change.
    """

    def __init__(self, *args, **kwargs):
        super().__init__(*args, **kwargs)
        self._fused = None  # dense parameters, sparse ones and their states, once they can step
        self._fused_for = None  # whether each parameter was frozen then
        self._waiting = []  # parameters and gradients of a static program

    @paddle.no_grad()
    def step(self) -> None:
        """Updates the parameters from their gradients."""
        frozen = [parameter.stop_gradient for parameter in self._parameter_list]
        if self._fused is not None and frozen == self._fused_for:
            dense, dense_state, sparse, sparse_state = self._fused
            gradients = [parameter.grad for parameter in dense]
            rows = [parameter.grad for parameter in sparse]
            if all(gradient is not None and gradient.is_dense() for gradient in gradients) and all(
                gradient is not None and not gradient.is_dense() for gradient in rows
            ):
                if not isinstance(self._learning_rate, float):
                    self._create_global_learning_rate()  # takes the scheduler's new value
                if dense:
                    self._update(dense, gradients, dense_state)
                for place, parameter in enumerate(sparse):
                    state = [values[place] for values in sparse_state]
                    self._update_rows(parameter, rows[place], state)
                return
        super().step()
        self._fused, self._fused_for = self._gather(), frozen

    def _gather(self) -> tuple[list, list, list, list] | None:
        if self._grad_clip or self.regularization:
            return None
        trainable = [p for p in self._parameter_list if not p.stop_gradient]
        if not all(p.name in self._accumulators[name] for p in trainable for name in _STATE):
            return None
        if any(p.grad is None for p in trainable):
            return None  # whether it is sparse does not show in this step
        sparse = [p for p in trainable if not p.grad.is_dense()]
        if sparse and not self._lazy_mode:
            return None  # Paddle's own step then also changes rows that no sample names
        dense = [p for p in trainable if p.grad.is_dense()]
        return dense, self._state_of(dense), sparse, self._state_of(sparse)

    def _state_of(self, parameters) -> list[list]:
        return [[self._accumulators[name][p.name] for p in parameters] for name in _STATE]

    def _append_optimize_op(self, block, param_and_grad):
        # Paddle's step comes here for each parameter. The same kernel as in the fused step keeps
        # a resumed run, whose first step this is, equal to the last bit.
        parameter, gradient = param_and_grad
        if _in_pir():
            self._waiting.append(param_and_grad)
            return None
        if not paddle.in_dynamic_mode() or not gradient.is_dense():
            return super()._append_optimize_op(block, param_and_grad)
        self._update([parameter], [gradient], self._state_of([parameter]))
        return None

    def _finish_update(self, block, parameters_and_grads):
        # In static graph under PIR, Paddle comes here after the last parameter.
        if self._waiting:
            parameters, gradients = map(list, zip(*self._waiting))
            self._waiting = []
            self._update(parameters, gradients, self._state_of(parameters))

    def _update(self, parameters: list, gradients: list, state: list[list]) -> None:
        moments, powers = state[:2], state[2:]
        amsgrad = [None] if _PADDLE_3 else []
        flags = [False] * (3 if _PADDLE_3 else 2)  # master weights, global powers, AMSGrad
        rates = [self._global_learning_rate()] * len(parameters)
        constants = [self._beta1, self._beta2, self._epsilon]
        _C_ops.merged_adam_(
            parameters, gradients, rates, *moments, *amsgrad, *powers, None, *constants, *flags
        )

    def _update_rows(self, parameter, gradient, state: list) -> None:
        moments, powers = state[:2], state[2:]
        amsgrad = [None] if _PADDLE_3 else []
        flags = [False] * (3 if _PADDLE_3 else 2)  # master weights, global powers, AMSGrad
        constants = [self._beta1, self._beta2, self._epsilon, True, _MIN_ROWS]
        rate = self._global_learning_rate()
        _C_ops.adam_(
            parameter,
            gradient,
            rate,
            *moments,
            *amsgrad,
            *powers,
            None,
            None,
            *constants,
            *flags,
        )

    def clear_grad(self, set_to_zero: bool = False) -> None:
        """Drops the gradients; the next backward pass makes new ones."""
        stepped = [*self._fused[0], *self._fused[2]] if self._fused else self._parameter_list
        for parameter in stepped:
            parameter.clear_gradient(set_to_zero)

    def set_state_dict(self, state_dict) -> None:
        """Takes up a saved state."""
        super().set_state_dict(state_dict)
        self._fused = None
