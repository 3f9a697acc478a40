"""Metrics of the order of the predictions: AUC and its relatives.

Weights are sample weights ``[n]`` or None; a pair of rows weighs the product of their weights.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np


class Grouped(NamedTuple):
    """An AUC over groups.

    Attributes:
        value: the mean of the groups' AUCs, weighted by their rows or by their sample weight.
        groups: the number of groups with both labels; the other groups do not count.
        rows: the number of rows in these groups.
    """

    value: float
    groups: int
    rows: int


def auc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Returns the area under the ROC curve; a pair of equal predictions counts half.

    Args:
        labels: 0 or 1, ``[n]``.
        scores: any scores, ``[n]``.
        weights: sample weights, ``[n]``.
    """
    return grouped_auc(labels, scores, np.zeros(len(labels), np.int64), weights).value


def grouped_auc(
    labels: np.ndarray,
    scores: np.ndarray,
    groups: np.ndarray,
    weights: np.ndarray | None = None,
) -> Grouped:
    """Returns GAUC (Zhu et al. 2017): the mean AUC within groups, such as the rows of one user.

    Args:
        labels: 0 or 1, ``[n]``.
        scores: any scores, ``[n]``.
        groups: each row's group, integers ``[n]``; rows with a negative group do not count.
        weights: sample weights, ``[n]``.
    """
    kept = groups >= 0
    weights = _ones_if_none(weights, len(labels))[kept]
    labels, scores, groups = labels[kept] == 1, scores[kept], groups[kept]
    if not len(labels) or np.isnan(scores).any():
        return Grouped(float("nan"), 0, 0)
    order = np.lexsort((scores, groups))
    labels, scores, groups, weights = (each[order] for each in (labels, scores, groups, weights))
    starts = np.append(True, groups[1:] != groups[:-1])
    group = np.cumsum(starts) - 1
    tie = np.cumsum(starts | np.append(True, scores[1:] != scores[:-1])) - 1
    negative, positive = weights * ~labels, weights * labels
    tied = np.bincount(tie, negative)
    below = np.cumsum(tied) - tied  # negatives with a lower score, of all groups so far
    negatives, positives = np.bincount(group, negative), np.bincount(group, positive)
    earlier = np.cumsum(negatives) - negatives
    above = positive * (below[tie] - earlier[group] + 0.5 * tied[tie])
    pairs = negatives * positives
    both = pairs > 0
    if not both.any():
        return Grouped(float("nan"), 0, 0)
    aucs = np.bincount(group, above)[both] / pairs[both]
    sums = np.bincount(group, weights)[both]
    value = float(sums @ aucs / sums.sum())
    return Grouped(value, int(both.sum()), int(np.bincount(group)[both].sum()))


def pr_auc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Returns the average precision: precision summed over the steps of recall.

    It is scikit-learn's ``average_precision_score``, without interpolation. It is NaN if no row
    has the label 1. Arguments are those of `auc`.
    """
    if not len(labels) or np.isnan(scores).any():
        return float("nan")
    weights = _ones_if_none(weights, len(labels))
    order = np.argsort(-scores, kind="stable")
    scores, weights = scores[order], weights[order]
    last = np.append(scores[1:] != scores[:-1], True)  # rows of one score come in at once
    positive = np.cumsum(weights * (labels[order] == 1))[last]
    rows = np.cumsum(weights)[last]
    if not positive[-1] > 0:
        return float("nan")
    precision = np.divide(positive, rows, out=np.zeros_like(rows), where=rows > 0)
    return float(np.diff(positive, prepend=0.0) @ precision / positive[-1])


def macro_auc(
    labels: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None = None
) -> float:
    """Returns the mean AUC of each class against all others.

    A class that no row has, or that all rows have, does not count.

    Args:
        labels: class numbers, ``[n]``.
        predictions: class probabilities, ``[n, classes]``.
        weights: sample weights, ``[n]``.
    """
    aucs = [
        auc(labels == number, predictions[:, number], weights)
        for number in range(predictions.shape[1])
    ]
    defined = [value for value in aucs if not np.isnan(value)]
    if not defined or np.isnan(predictions).any():
        return float("nan")
    return float(np.mean(defined))


def xauc(labels: np.ndarray, scores: np.ndarray, weights: np.ndarray | None = None) -> float:
    """Returns XAUC (Zhan et al. 2022): the share of pairs that the predictions order as the labels.

    Pairs of rows with equal labels do not count; a pair of equal predictions counts half. With
    labels 0 and 1 this is the AUC. The time is that of about log2(n) sorts.

    Args:
        labels: numbers, ``[n]``.
        scores: any scores, ``[n]``.
        weights: sample weights, ``[n]``.
    """
    if not len(labels) or np.isnan(scores).any():
        return float("nan")
    weights = _ones_if_none(weights, len(labels))
    kept = weights > 0
    scores, labels, weights = _dense_ranks(scores[kept]), _dense_ranks(labels[kept]), weights[kept]
    if labels.max(initial=0) == 0:  # one label, or no row
        return float("nan")
    pairs = weights.sum() ** 2 - _squares(labels, weights)  # each pair twice
    both = _dense_ranks(labels * (scores.max() + 1) + scores)
    tied = _squares(scores, weights) - _squares(both, weights)
    order = np.lexsort((-scores, labels))  # equal labels by falling score: never in order
    return float((2 * _ordered(scores[order], weights[order]) + tied / 2) / pairs)


def spearman(labels: np.ndarray, scores: np.ndarray) -> float:
    """Returns Spearman's correlation: Pearson's, of ranks; equal values share their mean rank.

    It is NaN if all labels or all predictions are equal. Arguments are those of `xauc`.
    """
    if not len(labels) or np.isnan(scores).any():
        return float("nan")
    centred = [ranks - ranks.mean() for ranks in map(_mean_ranks, (labels, scores))]
    scale = np.sqrt(np.prod([ranks @ ranks for ranks in centred]))
    return float(centred[0] @ centred[1] / scale) if scale > 0 else float("nan")


def _ones_if_none(weights: np.ndarray | None, count: int) -> np.ndarray:
    return np.ones(count) if weights is None else weights.astype(np.float64)


def _dense_ranks(values: np.ndarray) -> np.ndarray:
    """Returns each value's position among the distinct values."""
    return np.unique(values, return_inverse=True)[1].reshape(-1).astype(np.int64)


def _mean_ranks(values: np.ndarray) -> np.ndarray:
    ranks = _dense_ranks(values)
    counts = np.bincount(ranks)
    return (np.cumsum(counts) - (counts - 1) / 2)[ranks]


def _squares(groups: np.ndarray, weights: np.ndarray) -> float:
    """Returns the sum over groups, which are numbered from 0, of their squared weight."""
    sums = np.bincount(groups, weights)
    return float(sums @ sums)


def _ordered(ranks: np.ndarray, weights: np.ndarray) -> float:
    """Returns the weight of the pairs whose later row has the higher rank.

    Two ranks differ first in some bit. For each bit, rows that agree in the bits above it are one
    group. In a group a row with a 1 forms a pair with every earlier row with a 0.
    """
    total = 0.0
    for bit in range(int(ranks.max()).bit_length()):
        prefix = ranks >> (bit + 1)
        is_short = prefix.max() <= np.iinfo(np.uint16).max  # NumPy then sorts in linear time
        order = np.argsort(prefix.astype(np.uint16) if is_short else prefix, kind="stable")
        group, weight = prefix[order], weights[order]
        is_one = (ranks[order] >> bit & 1).astype(bool)
        zero = np.where(is_one, 0.0, weight)
        zeros = np.cumsum(zero)
        starts = np.append(True, group[1:] != group[:-1])
        earlier = np.maximum.accumulate(np.where(starts, zeros - zero, 0.0))  # of other groups
        total += float((zeros - earlier) @ (weight - zero))
    return total
