"""What predictions are worth, exactly and from the rows themselves: arrays in, numbers out.

``labels`` are 0 or 1 and ``predictions`` probabilities of 1, both ``[n]``; of a task with more
classes ``predictions`` are ``[n, classes]`` and labels its classes' numbers. What the rows leave
undefined is ``nan``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Grouped(NamedTuple):
    """An AUC over groups.

    Attributes:
        value: the mean of the groups' AUCs, weighted with their rows.
        groups: how many groups have rows of both labels: only they count.
        rows: how many rows those have.
    """

    value: float
    groups: int
    rows: int


class Bins(NamedTuple):
    """A reliability diagram: rows in bins of about equal counts, by what was predicted.

    Attributes:
        predicted: each bin's mean prediction, ascending.
        observed: each bin's mean label.
        rows: each bin's rows.
    """

    predicted: np.ndarray
    observed: np.ndarray
    rows: np.ndarray

    @property
    def error(self) -> float:
        """The expected calibration error: the mean distance of the two, weighted with rows."""
        total = self.rows.sum()
        if not total:
            return float("nan")
        return float(self.rows @ np.abs(self.predicted - self.observed) / total)


def auc(labels: np.ndarray, predictions: np.ndarray) -> float:
    """Returns the area under the ROC curve; rows of equal predictions count half."""
    return grouped_auc(labels, predictions, np.zeros(len(labels), np.int64)).value


def grouped_auc(labels: np.ndarray, predictions: np.ndarray, groups: np.ndarray) -> Grouped:
    """Returns GAUC (Zhu et al. 2017): does the order within a group, say one person's rows, fit?

    Args:
        labels: 0 or 1, ``[n]``.
        predictions: any scores, ``[n]``.
        groups: each row's group, integers ``[n]``; rows of a negative one do not count.
    """
    kept = groups >= 0
    labels, scores, groups = labels[kept] == 1, predictions[kept], groups[kept]
    if not len(labels) or np.isnan(scores).any():
        return Grouped(float("nan"), 0, 0)
    order = np.lexsort((scores, groups))
    labels, scores, groups = labels[order], scores[order], groups[order]
    starts = np.append(True, groups[1:] != groups[:-1])
    group = np.cumsum(starts) - 1
    rank = np.arange(1, len(labels) + 1) - np.flatnonzero(starts)[group]
    tie = np.cumsum(starts | np.append(True, scores[1:] != scores[:-1])) - 1
    rank = (np.bincount(tie, rank) / np.bincount(tie))[tie]
    rows = np.bincount(group).astype(np.float64)
    positive = np.bincount(group, labels)
    pairs = positive * (rows - positive)
    above = np.bincount(group, rank * labels) - positive * (positive + 1) / 2
    both = pairs > 0
    if not both.any():
        return Grouped(float("nan"), 0, 0)
    weights = rows[both]
    value = float(weights @ (above[both] / pairs[both]) / weights.sum())
    return Grouped(value, int(both.sum()), int(weights.sum()))


def log_loss(labels: np.ndarray, predictions: np.ndarray) -> float:
    """Returns the mean of ``-log`` of what was predicted for each row's label.

    Probabilities are kept off 0 by the precision of their type, ``1.2e-7`` of float32.
    """
    if not len(labels):
        return float("nan")
    smallest = np.finfo(predictions.dtype).eps
    predictions = predictions.astype(np.float64)
    if predictions.ndim == 1:
        chosen = np.where(labels == 1, predictions, 1 - predictions)
    else:
        chosen = np.take_along_axis(predictions, labels[:, None], axis=1)[:, 0]
    return float(-np.log(np.clip(chosen, smallest, 1)).mean())


def accuracy(labels: np.ndarray, predictions: np.ndarray) -> float:
    """Returns how often the label is what was thought most probable."""
    return _mean(decided(labels, predictions)[0])


def summary(labels: np.ndarray, predictions: np.ndarray | None) -> dict[str, float]:
    """Returns a task's AUC, or its accuracy if it has more than two classes, and its log loss.

    Args:
        labels: ``[n]``; negative in rows that do not count.
        predictions: ``[n]`` or ``[n, classes]``; None if the task has no prediction.

    Returns:
        The metrics by name; empty if there are no such rows, or no prediction.
    """
    counted = labels >= 0
    if predictions is None or not counted.any():
        return {}
    truth, predicted = labels[counted], predictions[counted]
    if predicted.ndim == 1:
        if truth.max() > 1:  # the labels of another kind of task
            return {}
        return {"auc": auc(truth, predicted), "log loss": log_loss(truth, predicted)}
    return {"accuracy": accuracy(truth, predicted), "log loss": log_loss(truth, predicted)}


def calibration(labels: np.ndarray, predictions: np.ndarray) -> float:
    """Returns predicted over observed: above 1 where more is predicted than happens."""
    observed = _mean(labels == 1)
    return _mean(predictions) / observed if observed else float("nan")


def reliability(labels: np.ndarray, predictions: np.ndarray, bins: int) -> Bins:
    """Returns bins of about equal counts; rows of one prediction stay together.

    Where equal counts would part such rows, the bin ends before or after them, whichever is nearer.

    Args:
        labels: 0 or 1, ``[n]``.
        predictions: probabilities, ``[n]``.
        bins: how many; fewer where predictions repeat, or where there are fewer rows.
    """
    if not len(labels) or np.isnan(predictions).any():
        return Bins(*np.zeros((3, 0)))
    ordered = np.sort(predictions)
    starts = np.arange(1, bins) * len(ordered) // bins
    before = np.searchsorted(ordered, ordered[starts], side="left")
    after = np.searchsorted(ordered, ordered[starts], side="right")
    cuts = np.unique(np.where(starts - before < after - starts, before, after))
    lowest = ordered[cuts[cuts < len(ordered)]]  # of each bin but the first
    place = np.searchsorted(lowest, predictions, side="right")
    rows = np.bincount(place).astype(np.float64)
    full = rows > 0
    predicted = np.bincount(place, predictions.astype(np.float64))[full] / rows[full]
    observed = np.bincount(place, labels == 1)[full] / rows[full]
    return Bins(predicted, observed, rows[full])


def decided(labels: np.ndarray, predictions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns whether each row's most probable class is its label, and that class's probability.

    This is how the calibration of a task with many classes is looked at (Guo et al. 2017).
    """
    if predictions.ndim == 1:
        predictions = np.stack([1 - predictions, predictions], axis=1)
    chosen = predictions.argmax(axis=1)
    return (chosen == labels).astype(np.int64), predictions.max(axis=1)


def _mean(values: np.ndarray) -> float:
    return float(values.mean(dtype=np.float64)) if len(values) else float("nan")
