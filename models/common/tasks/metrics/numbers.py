"""Streaming metrics of numbers: mean absolute error, and XAUC for their order."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from models.common.tasks.metrics.stream import Stream, TaskMetric

# Without all rows XAUC is that of the pairs of a row and the rows so many places behind it in its
# batch. Rows of a training batch are in random order.
_SHIFTS = (1, 2, 4, 8, 16, 32, 64, 128)


class Numbers(Stream):
    """Predicted numbers of one task beside its labels.

    Args:
        predict: returns predictions ``[n, 1]`` in the label's unit for scores ``[n, size]``.
    """

    def __init__(self, predict: Callable[[np.ndarray], np.ndarray]):
        self._predict = predict
        super().__init__()

    def reset(self) -> None:
        """Forgets every row."""
        super().reset()
        # Rows, their absolute errors; compared pairs, those in the right order (ties are half).
        self._sums = np.zeros(4)

    def sums(self) -> np.ndarray:
        """Returns rows, absolute errors, compared pairs and pairs in the right order, ``[4]``."""
        self.count()
        return self._sums

    def set_sums(self, sums: np.ndarray) -> None:
        """Replaces the sums; the rows that they come from are not known."""
        self.sums()[:] = sums
        self.forget_rows()

    def exact_xauc(self) -> float | None:
        """Returns the exact XAUC; None if the rows were not kept."""
        kept = self.kept(0)
        return None if kept is None else xauc(*kept)

    def _add_counts(self, scores: np.ndarray, labels: np.ndarray, batches: np.ndarray) -> None:
        counted = ~np.isnan(labels[0, :, 0])
        predicted = self._predict(scores[0])[counted, 0].astype(np.float64)
        truth, batches = labels[0, counted, 0].astype(np.float64), batches[counted]
        self.keep(truth[None], predicted[None])
        pairs = right = 0.0
        for shift in _SHIFTS:
            later = np.sign(truth[shift:] - truth[:-shift])
            later *= batches[shift:] == batches[:-shift]
            order = np.sign(predicted[shift:] - predicted[:-shift])
            compared = later != 0
            pairs += compared.sum()
            right += (0.5 + 0.5 * (later * order)[compared]).sum()
        self._sums += (len(truth), np.abs(predicted - truth).sum(), pairs, right)


class _NumberMetric(TaskMetric):
    """A metric of `Numbers`."""

    def state_dict(self) -> dict:
        """Returns the sums, for a run that another process continues."""
        return {"sums": self._stream.sums()}

    def set_state_dict(self, state: dict) -> None:
        """Restores the sums."""
        self._stream.set_sums(state["sums"])

    def undefined(self) -> str | None:
        """Returns why there is no metric, or None if there is one."""
        rows, _, pairs, right = self._stream.sums()
        if not rows:
            return "no row counts for it"
        if np.isnan(right):
            return "a prediction is NaN"
        return None if pairs else "all its labels are equal"


class MeanAbsoluteError(_NumberMetric):
    """The mean absolute error of one task, in the label's unit."""

    def accumulate(self) -> float:
        """Returns the error since the last reset; NaN without rows."""
        rows, errors, _, _ = self._stream.sums()
        return float(errors / rows) if rows else float("nan")

    def undefined(self) -> str | None:
        """Returns why there is no metric, or None if there is one."""
        rows = self._stream.sums()[0]
        return None if rows else "no row counts for it"


class Xauc(_NumberMetric):
    """XAUC of one task: the share of pairs of different labels that are in the right order."""

    def accumulate(self) -> float:
        """Returns the XAUC since the last reset, exact if the rows were kept; NaN without pairs."""
        exact = self._stream.exact_xauc()
        if exact is not None:
            return exact
        _, _, pairs, right = self._stream.sums()
        return float(right / pairs) if pairs else float("nan")


def xauc(labels: np.ndarray, predictions: np.ndarray) -> float:
    """Returns the share of pairs of different labels whose predictions are in their order.

    Equal predictions count half. It takes n log n operations.
    """
    if np.isnan(predictions).any():
        return float("nan")
    order = np.lexsort((predictions, labels))
    pairs = _pairs(len(labels)) - _ties(labels)
    joint = np.rec.fromarrays([labels, predictions])
    tied = _ties(predictions) - _ties(joint)
    wrong = _inversions(np.unique(predictions[order], return_inverse=True)[1].reshape(-1))
    return float(1.0 - (wrong + 0.5 * tied) / pairs) if pairs else float("nan")


def _pairs(count):
    return count * (count - 1) // 2


def _ties(values: np.ndarray) -> int:
    """Returns the number of pairs of equal values."""
    return int(_pairs(np.unique(values, return_counts=True)[1]).sum())


def _inversions(ranks: np.ndarray) -> int:
    """Returns the number of pairs whose first integer is larger, bit by bit from the highest.

    Integers that agree in all higher bits are together, in their first order. Of two that differ in
    this bit, the pair is an inversion if the 1 comes first.
    """
    total = 0
    for bit in reversed(range(int(ranks.max(initial=0)).bit_length())):
        higher, one = ranks >> (bit + 1), (ranks >> bit) & 1
        before = np.cumsum(one) - one
        before = before - before[np.searchsorted(higher, higher)]
        total += int(before[one == 0].sum())
        ranks = ranks[np.argsort(ranks >> bit, kind="stable")]
    return total
