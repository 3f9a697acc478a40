"""Streaming AUC of binary tasks."""

from __future__ import annotations

import numpy as np

from models.common.tasks.metrics.stream import Stream, TaskMetric

# AUC is computed from a histogram of log-odds, so its memory does not grow with the rows. Rows in
# one bucket count as ties. Buckets are 0.001 wide at odds of 20 to 1, narrower towards even odds
# and wider beyond, up to log-odds of 1000. If a task's scores spread over 0.1 or more, this AUC
# differs from the exact one by less than 1e-4. If more than `_TIES` of all pairs lie in one bucket,
# evaluation counts exactly: it keeps its rows, up to a limit.
_BUCKETS = 1 << 16
_FINENESS = 8.0
_LIMIT = np.arcsinh(_FINENESS * 1000.0)
_TIES = 2e-3


class Scores(Stream):
    """Log-odds of binary tasks: logits or log-probabilities, whose difference is the log-odds."""

    def reset(self) -> None:
        """Forgets every row."""
        super().reset()
        # float64 counts exactly up to 2^53 rows, and BLAS multiplies it.
        self._counts = np.zeros((self._task_num, 2, _BUCKETS))

    def counts(self) -> np.ndarray:
        """Returns rows by task, label and bucket, ``[task_num, 2, buckets]``."""
        self.count()
        return self._counts

    def set_counts(self, task: int, counts: np.ndarray) -> None:
        """Replaces a task's counts; the rows that they come from are not known."""
        self.counts()[task] = counts
        self.forget_rows()

    def exact_auc(self, task: int) -> float | None:
        """Returns a task's exact AUC; None if its rows were not kept."""
        kept = self.kept(task)
        if kept is None:
            return None
        odds, labels = kept
        negative, positive = np.sort(odds[labels == 0]), np.sort(odds[labels == 1])
        below = np.searchsorted(negative, positive, "left").sum(dtype=np.float64)
        up_to = np.searchsorted(negative, positive, "right").sum(dtype=np.float64)
        return float((below + up_to) / (2.0 * len(negative) * len(positive)))

    def _add_counts(self, scores: np.ndarray, labels: np.ndarray, batches: np.ndarray) -> None:
        odds = scores[:, :, 1] - scores[:, :, 0]
        counted = labels[:, :, 0] >= 0
        self.keep(odds, np.sign(labels[:, :, 0]).astype(np.int8))
        undefined = np.isnan(odds)
        diverged = (undefined & counted).any(axis=1)
        self._counts[diverged] = np.nan  # NaN scores have no order; other tasks are unaffected
        counted &= ~diverged[:, None]
        odds = np.where(undefined, 0.0, odds)
        scaled = (np.arcsinh(_FINENESS * odds) + _LIMIT) * (_BUCKETS / (2 * _LIMIT))
        buckets = np.clip(scaled, 0, _BUCKETS - 1).astype(np.int64)
        places = buckets + _BUCKETS * labels[:, :, 0]
        for counts, rows, kept in zip(self._counts, places, counted):
            np.add.at(counts.reshape(-1), rows if kept.all() else rows[kept], 1.0)


class Auc(TaskMetric):
    """The area under the ROC curve of one task, of its `Scores`."""

    def state_dict(self) -> dict:
        """Returns the counts, for a run that another process continues."""
        return {"counts": self._stream.counts()[self._task]}

    def set_state_dict(self, state: dict) -> None:
        """Restores the counts of this task."""
        self._stream.set_counts(self._task, state["counts"])

    def accumulate(self) -> float:
        """Returns the AUC over all rows since the last reset.

        It is NaN if all rows have one label, or if a score was NaN.
        """
        negative, positive = self._stream.counts()[self._task]
        pairs = negative.sum() * positive.sum()
        if not pairs > 0:
            return float("nan")
        tied = negative @ positive
        exact = self._stream.exact_auc(self._task) if tied > _TIES * pairs else None
        if exact is not None:
            return exact
        return float((np.cumsum(negative) @ positive - 0.5 * tied) / pairs)

    def error_bound(self) -> float:
        """Returns how far the AUC may be from the exact one, because scores share buckets."""
        negative, positive = self._stream.counts()[self._task]
        pairs, tied = negative.sum() * positive.sum(), negative @ positive
        if not tied > _TIES * pairs or self._stream.exact_auc(self._task) is not None:
            return 0.0
        return float(0.5 * tied / pairs)

    def undefined(self) -> str | None:
        """Returns why there is no AUC, or None if there is one."""
        rows = self._stream.counts()[self._task].sum(axis=1)
        if np.isnan(rows).any():
            return "a score is NaN"
        if not rows.any():
            return "no row counts for it"
        if rows.all():
            return None
        return f"all its rows have the label {int(rows[1] > 0)}: an AUC needs both"
