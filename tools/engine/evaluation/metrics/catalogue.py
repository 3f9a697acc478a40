"""The metrics of ``runner.metrics``: for which types of tasks, and which values are better."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple

import numpy as np

from engine.evaluation.metrics import calibration, classes, ranking, regression

BINARY, MULTICLASS, REGRESSION, COUNT = "binary", "multiclass", "regression", "count"
_CLASSES, _NUMBERS = (BINARY, MULTICLASS), (REGRESSION, COUNT)
NUMBERS = _NUMBERS


class Rows(NamedTuple):
    """The rows that count for a task, and the options of its metrics.

    Attributes:
        labels: ``[n]``.
        predictions: ``[n]``, or ``[n, classes]`` of a multiclass task.
        weights: sample weights ``[n]``; None if every row counts once.
        groups: each row's group ``[n]``, for ``gauc``.
        threshold: ``runner.threshold``.
        bins: ``runner.ece_bins``.
    """

    labels: np.ndarray
    predictions: np.ndarray
    weights: np.ndarray | None = None
    groups: np.ndarray | None = None
    threshold: float = 0.5
    bins: int = 20


class Metric(NamedTuple):
    """A metric.

    Attributes:
        types: the types of tasks for which it is defined.
        compute: returns its value, or its value and what belongs to it, by name.
        higher_is_better: None if neither is.
        has_weights: whether it has a weighted form.
    """

    types: tuple[str, ...]
    compute: Callable[[Rows], float | dict[str, Any]]
    higher_is_better: bool | None = True
    has_weights: bool = True


def _of(function: Callable[..., float]) -> Callable[[Rows], float]:
    return lambda rows: function(rows.labels, rows.predictions, rows.weights)


def _at_threshold(function: Callable[..., float]) -> Callable[[Rows], float]:
    return lambda rows: function(rows.labels, rows.predictions, rows.weights, rows.threshold)


def _gauc(rows: Rows) -> dict[str, Any]:
    found = ranking.grouped_auc(rows.labels, rows.predictions, rows.groups, rows.weights)
    return {"gauc": found.value, "gauc_groups": found.groups, "gauc_rows": found.rows}


def _events(rows: Rows) -> tuple[np.ndarray, np.ndarray]:
    """Returns what a calibration compares; with many classes, the most probable ones."""
    if rows.predictions.ndim == 1:
        return rows.labels, rows.predictions
    return classes.top_class(rows.labels, rows.predictions)


def _calibration(rows: Rows) -> float:
    return calibration.calibration(*_events(rows), rows.weights)


def _ece(rows: Rows) -> dict[str, Any]:
    bins = calibration.reliability(*_events(rows), rows.bins, rows.weights)
    points = [[float(number) for number in point] for point in zip(*bins)]
    return {"ece": bins.error, "reliability": points}  # predicted, observed, rows


METRICS: Mapping[str, Metric] = {
    "auc": Metric((BINARY,), _of(ranking.auc)),
    "gauc": Metric((BINARY,), _gauc),
    "pr_auc": Metric((BINARY,), _of(ranking.pr_auc)),
    "macro_auc": Metric((MULTICLASS,), _of(ranking.macro_auc)),
    "acc": Metric(_CLASSES, _at_threshold(classes.accuracy)),
    "precision": Metric((BINARY,), _at_threshold(classes.precision)),
    "recall": Metric((BINARY,), _at_threshold(classes.recall)),
    "f1": Metric((BINARY,), _at_threshold(classes.f1)),
    "logloss": Metric(_CLASSES, _of(classes.log_loss), higher_is_better=False),
    "normalized_entropy": Metric(_CLASSES, _of(classes.normalized_entropy), higher_is_better=False),
    "calibration": Metric(_CLASSES + _NUMBERS, _calibration, higher_is_better=None),
    "ece": Metric(_CLASSES, _ece, higher_is_better=False),
    "xauc": Metric(_NUMBERS, _of(ranking.xauc)),
    "spearman": Metric(
        _NUMBERS, lambda rows: ranking.spearman(rows.labels, rows.predictions), has_weights=False
    ),
    "mae": Metric(_NUMBERS, _of(regression.mae), higher_is_better=False),
    "rmse": Metric(_NUMBERS, _of(regression.rmse), higher_is_better=False),
    "r2": Metric(_NUMBERS, _of(regression.r2)),
    "poisson_deviance": Metric((COUNT,), _of(regression.poisson_deviance), higher_is_better=False),
}

_MAIN = {BINARY: ("auc", "logloss"), MULTICLASS: ("acc", "logloss")}
_MAIN.update(dict.fromkeys(_NUMBERS, ("mae", "xauc")))


def compute(name: str, rows: Rows) -> dict[str, Any]:
    """Returns a metric's value, and what belongs to it, by name."""
    found = METRICS[name].compute(rows)
    return found if isinstance(found, dict) else {name: float(found)}


def main_metrics(kind: str) -> tuple[str, ...]:
    """Returns the names of the two metrics that a task of a type has where none are chosen."""
    return _MAIN[kind]


def split(name: str) -> tuple[str, str] | None:
    """Returns metric and task of a name such as ``logloss_like``; None if it is no such name."""
    found = [metric for metric in METRICS if name.startswith(f"{metric}_")]
    longest = max(found, key=len, default=None)
    return (longest, name[len(longest) + 1 :]) if longest else None
