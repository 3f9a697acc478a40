"""Makes ``paddle.static.auc`` mean on every Paddle what code for Paddle 2 takes it to mean.

There it returns the AUC of all batches so far, that of the last ones, and four variables in which
the program keeps its counts. Under PIR (Paddle 3) it returns one batch's AUC and that batch's two
histograms: code that unpacks three values runs on, and shows wrong numbers.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import paddle
from paddle.static.nn import metric

_original = metric.auc
_counters: list[list[str]] = []  # one list for each `recorded`, the innermost last


def install() -> None:
    """Puts the running AUC in the place of Paddle's; call it before a model is imported."""
    paddle.static.auc = metric.auc = auc


@contextmanager
def recorded() -> Iterator[list[str]]:
    """Yields a list that collects the variables which the AUCs of a program count in."""
    names: list[str] = []
    _counters.append(names)
    try:
        yield names
    finally:
        _counters.pop()


def reset(names: list[str], scope: Any, place: Any) -> None:
    """Makes AUCs forget every row.

    Args:
        names: the variables that they count in.
        scope: where those are.
        place: the device that they are on.
    """
    for name in names:
        tensor = scope.find_var(name).get_tensor()
        tensor.set(np.zeros_like(np.array(tensor)), place)


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
        curve: as Paddle takes it.
        num_thresholds: buckets, less one, that the probabilities are counted in.
        topk: as Paddle takes it.
        slide_steps: batches that the second result is over; under PIR it is over the last one.
        ins_tag_weight: which rows count, as Paddle takes it.

    Returns:
        The AUC of all rows since the last `reset`; the AUC of the last batches; the four
        variables that they count in, of which the last two are the former's (under PIR all are).
        Under PIR the AUC of rows of one label is nan.
    """
    given = (input, label, curve, num_thresholds, topk, slide_steps, ins_tag_weight)
    if not paddle.framework.in_pir_mode():
        made = _original(*given)
        _record(made[2])
        return made
    _, *batch = _original(*given)
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
    if _counters:
        _counters[-1] += [counter.name for counter in counters]


def _area(positive: Any, negative: Any) -> Any:
    """Returns the area under the ROC curve of two histograms ``[1, buckets]``."""
    positive, negative = positive.astype("float64"), negative.astype("float64")
    below = paddle.cumsum(negative, axis=1) - 0.5 * negative  # rows of one bucket count as ties
    return (below * positive).sum() / (positive.sum() * negative.sum())
