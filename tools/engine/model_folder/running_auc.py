"""Gives ``paddle.static.auc`` the meaning of Paddle 2 on every version of Paddle.

In Paddle 2 it returns the AUC of all batches so far, the AUC of the last batches, and four
variables that hold the program's counts. Under PIR (Paddle 3) it returns the AUC of one batch and
that batch's two histograms. Code written for Paddle 2 then shows wrong numbers without an error.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import paddle
from paddle.static.nn import metric

from engine.system import device

_original = metric.auc
# Names of count variables: first those outside of any `recorded`, then one list for each that is
# open, innermost last.
_counters: list[list[str]] = [[]]


def install() -> None:
    """Replaces Paddle's AUC by the running AUC; call it before a model is imported."""
    paddle.static.auc = metric.auc = auc


@contextmanager
def recorded() -> Iterator[list[str]]:
    """Yields a list of the names of the count variables of AUCs that are added meanwhile."""
    names: list[str] = []
    _counters.append(names)
    try:
        yield names
    finally:
        _counters.pop()


class Counters:
    """The variables in which the AUCs of a program count rows.

    Args:
        names: the names of the variables, as `recorded` yields them.
        scope: the scope of the variables.
        place: the device of the variables.

    Attributes:
        names: the names of the variables.
    """

    def __init__(self, names: list[str], scope: Any, place: Any):
        self.names, self._scope, self._place = names, scope, place
        # Of each AUC: under PIR positive and negative rows; else those of the last batches first.
        self._each = 2 if paddle.framework.in_pir_mode() else 4

    def reset(self) -> None:
        """Resets all AUCs to no rows."""
        for name in self.names:
            tensor = self._tensor(name)
            tensor.set(np.zeros_like(np.array(tensor)), self._place)

    def error_bound(self) -> float:
        """Returns how far an AUC may be from the exact one, because scores share buckets."""
        ends = range(self._each, len(self.names) + 1, self._each)
        pairs = [self.names[end - 2 : end] for end in ends]
        counts = [[np.array(self._tensor(name)) for name in pair] for pair in pairs]
        return max((tied_share(*pair) / 2 for pair in counts), default=0.0)

    def _tensor(self, name: str) -> Any:
        return self._scope.find_var(name).get_tensor()


def global_names() -> list[str]:
    """Returns the names of the count variables of AUCs that were added outside of `recorded`."""
    return _counters[0]


def reset_global() -> None:
    """Resets the AUCs of `global_names` that have variables in the global scope."""
    scope = paddle.static.global_scope()
    names = [name for name in global_names() if scope.find_var(name)]
    Counters(names, scope, device.current_place()).reset()


def tied_share(positive: Any, negative: Any) -> float:
    """Returns the share of pairs of rows with different labels that lie in one bucket.

    Args:
        positive: rows with label 1 by bucket.
        negative: rows with label 0 by bucket.
    """
    positive, negative = (np.asarray(rows, np.float64).reshape(-1) for rows in (positive, negative))
    pairs = positive.sum() * negative.sum()
    return float(positive @ negative / pairs) if pairs else 0.0


def auc(
    input: Any,
    label: Any,
    curve: str = "ROC",
    num_thresholds: int = 2**12 - 1,
    topk: int = 1,
    slide_steps: int = 1,
    ins_tag_weight: Any = None,
) -> tuple[Any, Any, list]:
    """Adds a binary task's AUC to the program that is being built.

    Args:
        input: class probabilities ``[batch, 2]``.
        label: ``[batch, 1]`` integers, 0 or 1.
        curve: as in Paddle.
        num_thresholds: the number of buckets for the probabilities, minus one.
        topk: as in Paddle.
        slide_steps: the number of last batches of the second result; under PIR always one.
        ins_tag_weight: the rows' weights, as in Paddle.

    Returns:
        The AUC of all rows since `Counters.reset`; the AUC of the last batches; and four count
        variables. The last two belong to the first AUC (under PIR all four). Under PIR the AUC of
        rows with one label is nan.
    """
    arguments = (input, label, curve, num_thresholds, topk, slide_steps, ins_tag_weight)
    if not paddle.framework.in_pir_mode():
        results = _original(*arguments)
        _record(results[2])
        return results
    _, *batch = _original(*arguments)
    totals = [_counter(num_thresholds) for _ in batch]
    sums = [total + count for total, count in zip(totals, batch)]
    for count, total in zip(sums, totals):
        paddle.assign(count, total)
    _record(totals)
    return _area(*sums), _area(*batch), [*totals, *totals]


def _counter(num_thresholds: int) -> Any:
    zero = paddle.nn.initializer.Constant(0)
    shape = [1, num_thresholds + 1]
    return paddle.pir.core.create_persistable_value("int64", shape, initializer=zero)


def _record(counters: list) -> None:
    _counters[-1] += [counter.name for counter in counters]


def _area(positive: Any, negative: Any) -> Any:
    """Returns the area under the ROC curve from two histograms ``[1, buckets]``."""
    positive, negative = positive.astype("float64"), negative.astype("float64")
    below = paddle.cumsum(negative, axis=1) - 0.5 * negative  # rows of one bucket count as ties
    return (below * positive).sum() / (positive.sum() * negative.sum())
