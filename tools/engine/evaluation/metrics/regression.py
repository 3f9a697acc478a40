"""Metrics of predicted numbers: errors in the label's unit, R2, deviance.

Labels and predictions are numbers ``[n]``; weights are sample weights ``[n]`` or None.
"""

from __future__ import annotations

import numpy as np


def mean(values: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Returns the weighted mean; NaN without rows, or if the weights sum to 0."""
    if weights is None:
        return float(values.mean(dtype=np.float64)) if len(values) else float("nan")
    total = weights.sum(dtype=np.float64)
    if not total > 0:
        return float("nan")
    return float(weights.astype(np.float64) @ values.astype(np.float64) / total)


def mae(labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Returns the mean absolute error, in the label's unit."""
    return mean(np.abs(_errors(labels, predictions)), weights)


def rmse(labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Returns the root of the mean squared error, in the label's unit."""
    return float(np.sqrt(mean(_errors(labels, predictions) ** 2, weights)))


def r2(labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Returns the share of the labels' variance that the predictions explain.

    It is 1 minus the mean squared error divided by the labels' variance: 1 at best, 0 for the mean
    label as the prediction of every row. It is NaN if all labels are equal.
    """
    centred = labels.astype(np.float64) - mean(labels, weights)
    counting = labels if weights is None else labels[weights > 0]
    if not len(counting) or not np.ptp(counting) > 0:  # a rounded variance may not be 0
        return float("nan")
    return 1 - mean(_errors(labels, predictions) ** 2, weights) / mean(centred**2, weights)


def poisson_deviance(
    labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None = None
) -> float:
    """Returns the mean Poisson deviance, ``2 (y log(y / p) - y + p)`` for a label y predicted p.

    It is NaN if a label is negative, or a prediction is not positive.
    """
    truth, predicted = labels.astype(np.float64), predictions.astype(np.float64)
    if not (predicted > 0).all() or not (truth >= 0).all():
        return float("nan")
    ratio = np.where(truth > 0, truth, 1.0) / predicted
    return mean(2 * (truth * np.log(ratio) - truth + predicted), weights)


def _errors(labels: np.ndarray, predictions: np.ndarray) -> np.ndarray:
    return predictions.astype(np.float64) - labels
