"""Writes the loss of a fast step, and its gradient with respect to the logits."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import paddle
from paddle import nn

from models.common.fast_step import autograd
from models.common.fast_step.code import StepCode
from models.common.fast_step.symbols import Symbol

_CROSS_ENTROPY = "False, True, True, -100, -1"  # hard labels; softmax, stable; ignored; axis


def write(net: nn.Layer, code: StepCode, *logits: Symbol) -> str:
    """Writes the loss of a net and returns its name.

    Args:
        net: the net.
        code: the step.
        logits: the logits of all tasks if the net is stacked, else one symbol a task.
    """
    if net.has_own_loss:
        return _own_loss(net, code, *logits)
    return _cross_entropy(net, code, *logits) if net.stacked else _task_losses(net, code, logits)


def _cross_entropy(net: nn.Layer, code: StepCode, logits: Symbol) -> str:
    """Writes the weighted sum of cross-entropies and its gradient; returns the loss's name."""
    loss = _kernel(code, logits, "labels", "weights")
    if net.smoothing is not None:  # linear in the logits, so the factor is the gradient
        pull = code.constant(net.smoothing.pull)
        (pulled,) = code.forward(f"_C_ops.multiply({pull}(labels), weights)")
        products = f"_C_ops.multiply({logits.name}, {pulled})"
        total = f"_C_ops.add({loss}, _C_ops.sum({products}, [], None, False))"
        (loss,) = code.forward(total)
        logits.add_gradient(pulled)
    return loss


def _kernel(code: StepCode, logits: Symbol, labels: str, weights: str) -> str:
    """Writes a weighted sum of cross-entropies by Paddle's kernel; returns its name."""
    call = f"_C_ops.cross_entropy_with_softmax({logits.name}, {labels}, {_CROSS_ENTROPY})"
    softmax, rows = code.forward(call, 2)
    weighted = f"_C_ops.multiply({rows}, {weights})"
    (loss,) = code.forward(f"_C_ops.sum({weighted}, [], None, False)")
    # The loss is the sum over rows of a row's loss times its weight: the weight is its gradient.
    logits.add_gradient(
        f"_C_ops.cross_entropy_with_softmax_grad({labels}, {softmax}, {weights}, {_CROSS_ENTROPY})"
    )
    return loss


def _task_losses(net: nn.Layer, code: StepCode, logits: Sequence[Symbol]) -> str:
    """Writes the sum of the tasks' losses; autograd finds the gradients that no loss gives."""
    losses, others = [], []
    for place, (head, symbol) in enumerate(zip(net.heads, logits)):
        if head.loss.is_cross_entropy and head.loss.smoothing is None:
            losses.append(_kernel(code, symbol, f"labels[{place}]", f"weights[{place}]"))
        elif head.loss.has_slopes:
            losses.append(_by_slopes(code, head.loss, symbol, place))
        else:
            others.append(place)
    if others:

        def total(values: list, labels: Sequence, weights: Sequence) -> paddle.Tensor:
            parts = zip(others, values)
            return paddle.add_n(
                [net.heads[t].loss.total(z, labels[t], weights[t]) for t, z in parts]
            )

        losses.append(_by_autograd(code, total, [logits[place] for place in others]))
    return code.forward(f"_C_ops.add_n([{', '.join(losses)}])")[0]


def _by_slopes(code: StepCode, loss: Any, logits: Symbol, place: int) -> str:
    """Writes a weighted sum of rows' losses whose derivatives the loss gives; returns its name."""
    arguments = f"({logits.name}, labels[{place}])"
    (rows,) = code.forward(code.constant(loss.rows) + arguments)
    weighted = f"_C_ops.multiply({rows}, weights[{place}])"
    (total,) = code.forward(f"_C_ops.sum({weighted}, [], None, False)")
    slopes = code.constant(loss.slopes) + arguments
    logits.add_gradient(f"_C_ops.multiply({slopes}, weights[{place}])")
    return total


def _own_loss(net: nn.Layer, code: StepCode, *logits: Symbol) -> str:
    """Writes a call of the net's own ``loss``, whose gradient autograd finds in each step."""

    def total(values: list, labels: Any, weights: Any) -> paddle.Tensor:
        # Copies of the leaves: the loss may change them in place.
        copies = [paddle.assign(value) for value in values]
        return net.checked_loss(copies[0] if net.stacked else copies, labels, weights)

    return _by_autograd(code, total, logits)


def _by_autograd(code: StepCode, total: Callable, logits: Sequence[Symbol]) -> str:
    """Writes a call of ``total(values, labels, weights)``; autograd finds its gradients."""

    def call(values: list, labels: Any, weights: Any) -> tuple:
        return autograd.recorded(lambda *leaves: total(list(leaves), labels, weights), *values)

    values = ", ".join(symbol.name for symbol in logits)
    loss, leaves = code.forward(f"{code.constant(call)}([{values}], labels, weights)", 2)
    (found,) = code.backward(f"{code.constant(autograd.gradients)}({loss}, {leaves}, None)")
    for place, symbol in enumerate(logits):
        symbol.add_gradient(f"{found}[{place}]")
    return loss
