"""Chooses the epoch whose checkpoint is tested."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import Any

from comparing.schema import BEST, LAST, MEAN, Choice
from engine.system.errors import UserError
from engine.training import early_stopping


def choose_epoch(
    choose: Choice | str,
    curves: Mapping[str, Mapping],
    trained: Mapping[str, Any],
    typed: bool = True,
) -> int:
    """Returns the epoch that is tested.

    Args:
        choose: ``last``, ``best`` or a curve.
        curves: metrics by epoch, by the name of the curve.
        trained: the measurements of the trainer.
        typed: whether tasks declare their types; see `early_stopping.metrics_in_mean`.

    Raises:
        UserError: no epoch was finished, or the curve has no number of this metric.
    """
    if choose == BEST:
        if not trained["best"]:
            raise UserError("choose: best: no evaluation has a defined metric")
        return trained["best"]["epoch"]
    if not trained["epochs"]:
        problem = "training stopped early in the first epoch, so no epoch has a checkpoint"
        raise UserError(f"{problem}; use choose: best")
    if choose == LAST:
        return len(trained["epochs"]) - 1
    curve = curves[choose.by]
    defined = {name for each in curve.values() for name in each if each[name] is not None}
    values = {
        epoch: _value(curve.get(epoch, {}), choose.metric, defined, typed)
        for epoch in trained["epochs"]
    }
    known = {epoch: value for epoch, value in values.items() if value is not None}
    if not known:
        metrics = ", ".join(next(iter(curve.values())))
        problem = f"no epoch has a value of {choose.metric} on curve {choose.by}"
        raise UserError(f"choose: {problem}; its metrics are {metrics}")
    best = min if early_stopping.lower_is_better(choose.metric) else max
    return int(best(known, key=known.get))


def _value(
    metrics: Mapping[str, float | None], name: str, defined: Collection[str], typed: bool
) -> float | None:
    """Returns a metric or `MEAN`; None without a number.

    Args:
        metrics: an epoch's metrics by name.
        name: the metric, or `MEAN`.
        defined: the metrics that have a value in some epoch; the mean leaves the others out.
        typed: see `choose_epoch`.

    Raises:
        UserError: one of the metrics of the mean is a loss.
    """
    names = [name]
    if name == MEAN:
        names = early_stopping.metrics_in_mean(metrics, typed)
        losses = [each for each in names if early_stopping.lower_is_better(each)]
        if losses:
            problem = f"the mean includes {', '.join(losses)}, of which less is better"
            raise UserError(f"choose: {problem}; name one metric")
        names = [each for each in names if each in defined]
    values = [metrics.get(each) for each in names]
    return None if not values or None in values else sum(values) / len(values)
