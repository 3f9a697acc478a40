"""Metrics of predicted classes: log loss, accuracy, precision, recall, F1.

In a binary task ``labels`` are 0 or 1 and ``predictions`` are probabilities of 1, both ``[n]``.
With more classes ``labels`` are class numbers ``[n]`` and ``predictions`` are ``[n, classes]``.
Weights are sample weights ``[n]`` or None.
"""

from __future__ import annotations

import numpy as np

from engine.evaluation.metrics.regression import mean


def log_loss(
    labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None = None
) -> float:
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
    return mean(-np.log(np.clip(of_label, smallest, 1)), weights)


def normalized_entropy(
    labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None = None
) -> float:
    """Returns the log loss divided by that of the classes' rates as predictions (He et al. 2014).

    Below 1 the predictions tell more than the rates. It is NaN if all rows have one label.
    """
    sums = np.bincount(labels, weights)
    rates = sums[sums > 0] / sums.sum() if sums.any() else np.ones(1)
    entropy = -(rates @ np.log(rates))
    return log_loss(labels, predictions, weights) / entropy if len(rates) > 1 else float("nan")


def accuracy(
    labels: np.ndarray,
    predictions: np.ndarray,
    weights: np.ndarray | None = None,
    threshold: float = 0.5,
) -> float:
    """Returns the share of rows whose label is the predicted class.

    That is the most probable class; in a binary task 1 if its probability is above ``threshold``.
    """
    if np.isnan(predictions).any():
        return float("nan")
    if predictions.ndim == 1:
        return mean((predictions > threshold) == (labels == 1), weights)
    return mean(top_class(labels, predictions)[0], weights)


def precision(
    labels: np.ndarray,
    predictions: np.ndarray,
    weights: np.ndarray | None = None,
    threshold: float = 0.5,
) -> float:
    """Returns the share of label 1 among the rows predicted above a threshold; NaN without any."""
    found, _, hits = _positives(labels, predictions, weights, threshold)
    return hits / found if found else float("nan")


def recall(
    labels: np.ndarray,
    predictions: np.ndarray,
    weights: np.ndarray | None = None,
    threshold: float = 0.5,
) -> float:
    """Returns the share of the rows of label 1 that are predicted above a threshold."""
    _, positive, hits = _positives(labels, predictions, weights, threshold)
    return hits / positive if positive else float("nan")


def f1(
    labels: np.ndarray,
    predictions: np.ndarray,
    weights: np.ndarray | None = None,
    threshold: float = 0.5,
) -> float:
    """Returns the harmonic mean of precision and recall; NaN if no row has or is predicted 1."""
    found, positive, hits = _positives(labels, predictions, weights, threshold)
    return 2 * hits / (found + positive) if found + positive else float("nan")


def top_class(labels: np.ndarray, predictions: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Returns whether each row's most probable class is its label, and that class's probability.

    The calibration of a task with many classes is measured on these (Guo et al. 2017).
    """
    top = predictions.argmax(axis=1)
    return (top == labels).astype(np.int64), predictions.max(axis=1)


def _positives(
    labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None, threshold: float
) -> tuple[float, float, float]:
    """Returns the weight of the rows predicted 1, of those of label 1, and of those with both."""
    if np.isnan(predictions).any():
        return float("nan"), float("nan"), float("nan")
    weights = np.ones(len(labels)) if weights is None else weights.astype(np.float64)
    found, positive = predictions > threshold, labels == 1
    return tuple(float(weights[rows].sum()) for rows in (found, positive, found & positive))
