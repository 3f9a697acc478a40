"""What all losses share: their options, the sum over a batch, the prediction."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar, NamedTuple

import paddle
import paddle.nn.functional as F

# exp() of a larger logit is continued by its tangent: float32 ends at exp(88).
LARGEST_EXPONENT = 30.0


class Option(NamedTuple):
    """An option of a loss.

    Attributes:
        default: its value where the YAML sets none.
        expected: what the YAML may say, for an error message.
        valid: returns whether a value may be set.
    """

    default: Any
    expected: str
    valid: Callable[[Any], bool]


def is_number(value: Any) -> bool:
    """Returns whether a value of a YAML is a finite number."""
    real = isinstance(value, (int, float)) and not isinstance(value, bool)
    return real and math.isfinite(value)


def positive(default: float) -> Option:
    """Returns an option that takes positive numbers."""
    return Option(default, "a positive number", lambda value: is_number(value) and value > 0)


def share(default: float) -> Option:
    """Returns an option that takes numbers from 0 to 1."""
    expected = "a number from 0 to 1"
    return Option(default, expected, lambda value: is_number(value) and 0 <= value <= 1)


class Loss:
    """The loss of one task.

    All methods work in dygraph and in static graph. ``rows`` and ``prediction`` also take several
    tasks with the same loss: logits ``[tasks, n, size]``, labels ``[tasks, n, 1]``.

    Args:
        kind: the task's type.
        class_num: the number of classes of a binary or multiclass task.
        options: values of some of ``OPTIONS``, checked.

    Attributes:
        name: its name in a YAML.
        kinds: the types of tasks that it is for.
        OPTIONS: its options by name.
        size: the number of logits of the task.
        is_cross_entropy: whether ``rows`` is the softmax cross-entropy, with label smoothing if
            ``smoothing`` is set.
        smoothing: label smoothing (`label_smoothing.Smoothing`); None for none.
        nonnegative: whether labels must be at least 0.
        transformable: whether labels may be transformed before the loss sees them.
        within: the sparse field whose values are the groups of ``total``; None for none.
        has_slopes: whether the class has a method ``slopes``, the derivative of ``rows`` with
            respect to the logit. The fast step calls it where autograd would take longer.
    """

    name: str
    kinds: tuple[str, ...]
    OPTIONS: ClassVar[Mapping[str, Option]] = {}
    is_cross_entropy = False
    smoothing = None
    nonnegative = False
    transformable = False
    within: str | None = None
    has_slopes = False

    def __init__(self, kind: str, class_num: int, options: Mapping[str, Any]):
        for name, option in self.OPTIONS.items():
            setattr(self, name, options.get(name, option.default))
        self.size = self.logit_num(class_num)

    def logit_num(self, class_num: int) -> int:
        """Returns the number of logits of a task."""
        raise NotImplementedError

    def rows(self, logits, labels):
        """Returns the loss of each row, ``[n, 1]``.

        Args:
            logits: ``[n, size]``.
            labels: ``[n, 1]``: int64 classes or float numbers; 0 in rows that do not count.
        """
        raise NotImplementedError

    def total(self, logits, labels, weights, groups=None):
        """Returns the loss of a batch, a scalar.

        Args:
            logits: ``[n, size]``.
            labels: ``[n, 1]``.
            weights: ``[n, 1]``, each row's share of the loss; 0 in rows that do not count.
            groups: ``[n, 1]`` int64, the values of the field ``within``.
        """
        return (self.rows(logits, labels) * weights).sum()

    def prediction(self, logits):
        """Returns class probabilities ``[n, class_num]``, or the predicted number ``[n, 1]``."""
        raise NotImplementedError


class ClassLoss(Loss):
    """A loss of classes: one logit a class, whose softmax is the prediction.

    A binary task has two logits; their difference ``z[:, 1] - z[:, 0]`` is its log-odds.
    """

    def logit_num(self, class_num: int) -> int:
        """Returns the number of classes."""
        return class_num

    def prediction(self, logits):
        """Returns class probabilities ``[n, class_num]``."""
        return F.softmax(logits)


class NumberLoss(Loss):
    """A loss of numbers: one logit, which is the prediction."""

    def logit_num(self, class_num: int) -> int:
        """Returns 1."""
        return 1

    def prediction(self, logits):
        """Returns the predicted number, ``[n, 1]``."""
        return logits


def bounded_exp(exponents):
    """Returns ``exp``, constant above ``exp(30)``."""
    return paddle.exp(paddle.clip(exponents, max=LARGEST_EXPONENT))
