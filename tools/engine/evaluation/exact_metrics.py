"""Exact metrics from labels and predictions, as NumPy arrays.

In a binary task ``labels`` are 0 or 1 and ``predictions`` are probabilities of 1, both ``[n]``.
With more classes ``labels`` are class numbers ``[n]`` and ``predictions`` are ``[n, classes]``. A
metric that is undefined for these rows is ``nan``.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Grouped(NamedTuple):
    """An AUC over groups.

    Attributes:
        value: the mean of the groups' AUCs, weighted by their rows.
        groups: the number of groups with both labels; the other groups do not count.
        rows: the number of rows in these groups.
    """

    value: float
    groups: int
    rows: int


class Bins(NamedTuple):
    """A reliability diagram: rows in bins of about equal size, ordered by prediction.

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
        """The expected calibration error: mean |predicted - observed|, weighted by rows."""
        total = self.rows.sum()
        if not total:
            return float("nan")
        return float(self.rows @ np.abs(self.predicted - self.observed) / total)


def auc(labels: np.ndarray, predictions: np.ndarray) -> float:
    """Returns the area under the ROC curve; a pair of equal predictions counts half."""
    return grouped_auc(labels, predictions, np.zeros(len(labels), np.int64)).value


def grouped_auc(labels: np.ndarray, predictions: np.ndarray, groups: np.ndarray) -> Grouped:
    """Returns GAUC (Zhu et al. 2017): the mean AUC within groups, such as the rows of one user.

    Args:
        labels: 0 or 1, ``[n]``.
        predictions: any scores, ``[n]``.
        groups: each row's group, integers ``[n]``; rows with a negative group do not count.
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
    """Returns the mean of ``-log(p)``, where p is the predicted probability of a row's label.

    Probabilities are at least the precision of their type, ``1.2e-7`` in float32.
    """
    if not len(labels):
        return float("nan")
    smallest = np.finfo(predictions.dtype).eps
    predictions = predictions.astype(np.float64)
    if predictions.ndim == 1:
        of_label = np.where(labels == 1, predictions, 1 - predictions)
    else:
        of_label = np.take_along_axis(predictions, labels[:, None], axis=1)[:, 0]
    return float(-np.log(np.clip(of_label, smallest, 1)).mean())


def accuracy(labels: np.ndarray, predictions: np.ndarray) -> float:
    """Returns the share of rows whose label is the most probable class."""
    if np.isnan(predictions).any():
        return float("nan")
    return _mean(top_class(labels, predictions)[0])


def summary(labels: np.ndarray, predictions: np.ndarray | None) -> dict[str, float]:
    """Returns a task's AUC, or its accuracy if it has more than two classes, and its log loss.

    Args:
        labels: ``[n]``; negative in rows that do not count.
        predictions: ``[n]`` or ``[n, classes]``; None if the task has no predictions.

    Returns:
        The metrics by name; empty if no row counts or there are no predictions.
    """
    counted = labels >= 0
    if predictions is None or not counted.any():
        return {}
    truth, predicted = labels[counted], predictions[counted]
    if predicted.ndim == 1:
        if truth.max() > 1:  # not a binary task
            return {}
        return {"auc": auc(truth, predicted), "log loss": log_loss(truth, predicted)}
    return {"accuracy": accuracy(truth, predicted), "log loss": log_loss(truth, predicted)}


def calibration(labels: np.ndarray, predictions: np.ndarray) -> float:
    """Returns the mean prediction divided by the mean label; above 1 if it is too high."""
    observed = _mean(labels == 1)
    return _mean(predictions) / observed if observed else float("nan")


def reliability(labels: np.ndarray, predictions: np.ndarray, bins: int) -> Bins:
    """Returns bins of about equal size; rows with the same prediction share a bin.

    If a bin would end between such rows, it ends before or after them, whichever is nearer.

    Args:
        labels: 0 or 1, ``[n]``.
        predictions: probabilities, ``[n]``.
        bins: the number of bins; there are fewer if predictions repeat or rows are few.
    """
    if not len(labels) or np.isnan(predictions).any():
        return Bins(*np.zeros((3, 0)))
    ordered = np.sort(predictions)
    starts = np.arange(1, bins) * len(ordered) // bins
    before = np.searchsorted(ordered, ordered[starts], side="left")
    after = np.searchsorted(ordered, ordered[starts], side="right")
    cuts = np.unique(np.where(starts - before < after - starts, before, after))
    lowest = ordered[cuts[cuts < len(ordered)]]  # the smallest prediction of each later bin
    place = np.searchsorted(lowest, predictions, side="right")
    rows = np.bincount(place).astype(np.float64)
    full = rows > 0
    predicted = np.bincount(place, predictions.astype(np.float64))[full] / rows[full]
    observed = np.bincount(place, labels == 1)[full] / rows[full]
    return Bins(predicted, observed, rows[full])


def top_class(labels: np.ndarray, predictions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns whether each row's most probable class is its label, and that class's probability.

    The calibration of a task with many classes is measured on these (Guo et al. 2017).
    """
    if predictions.ndim == 1:
        predictions = np.stack([1 - predictions, predictions], axis=1)
    top = predictions.argmax(axis=1)
    return (top == labels).astype(np.int64), predictions.max(axis=1)


def _mean(values: np.ndarray) -> float:
    return float(values.mean(dtype=np.float64)) if len(values) else float("nan")
