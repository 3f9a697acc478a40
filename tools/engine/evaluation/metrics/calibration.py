"""Metrics of how far predictions agree with the labels' means: calibration, ECE, reliability."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from engine.evaluation.metrics.regression import mean


class Bins(NamedTuple):
    """A reliability diagram: rows in bins of about equal size, ordered by prediction.

    Attributes:
        predicted: each bin's mean prediction, ascending.
        observed: each bin's mean label.
        rows: each bin's rows, or the sum of their sample weights.
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


def calibration(
    labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None = None
) -> float:
    """Returns the mean prediction divided by the mean label; above 1 if it is too high.

    Args:
        labels: 0 or 1, or numbers, ``[n]``.
        predictions: probabilities of 1, or numbers, ``[n]``.
        weights: sample weights, ``[n]``.
    """
    observed = mean(labels, weights)
    return mean(predictions, weights) / observed if observed else float("nan")


def reliability(
    labels: np.ndarray, predictions: np.ndarray, bins: int, weights: np.ndarray | None = None
) -> Bins:
    """Returns bins of about equal size; rows with the same prediction share a bin.

    If a bin would end between such rows, it ends before or after them, whichever is nearer.

    Args:
        labels: 0 or 1, ``[n]``.
        predictions: probabilities, ``[n]``.
        bins: the number of bins; there are fewer if predictions repeat or rows are few.
        weights: sample weights, ``[n]``: the means within a bin are weighted, and the bins count
            by their weight. Rows alone decide where a bin ends.
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
    weights = np.ones(len(labels)) if weights is None else weights.astype(np.float64)
    rows = np.bincount(place, weights)
    full = rows > 0
    predicted = np.bincount(place, weights * predictions)[full] / rows[full]
    observed = np.bincount(place, weights * (labels == 1))[full] / rows[full]
    return Bins(predicted, observed, rows[full])
