"""Streaming accuracy of multiclass tasks."""

from __future__ import annotations

import numpy as np

from models.common.tasks.metrics.stream import Stream, TaskMetric


class Choices(Stream):
    """Correct choices among several classes; the class with the highest score is chosen."""

    def reset(self) -> None:
        """Forgets every row."""
        super().reset()
        self._right, self._rows = np.zeros(self._task_num), np.zeros(self._task_num)

    def counts(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns correct choices and rows, ``[task_num]`` each."""
        self.count()
        return self._right, self._rows

    def _add_counts(self, scores: np.ndarray, labels: np.ndarray, batches: np.ndarray) -> None:
        right = scores.argmax(axis=2) == labels[:, :, 0]
        right = np.where(np.isnan(scores).any(axis=2), np.nan, right)
        counted = labels[:, :, 0] >= 0
        self._right += np.where(counted, right, 0.0).sum(axis=1)
        self._rows += counted.sum(axis=1)


class Accuracy(TaskMetric):
    """The accuracy of one task, of its `Choices`."""

    def state_dict(self) -> dict:
        """Returns the counts, for a run that another process continues."""
        right, rows = self._stream.counts()
        return {"right": right[self._task], "rows": rows[self._task]}

    def set_state_dict(self, state: dict) -> None:
        """Restores the counts of this task."""
        right, rows = self._stream.counts()
        right[self._task], rows[self._task] = state["right"], state["rows"]

    def accumulate(self) -> float:
        """Returns the accuracy since the last reset; NaN if a score was NaN."""
        right, rows = self._stream.counts()
        return float(right[self._task] / rows[self._task]) if rows[self._task] else float("nan")

    def undefined(self) -> str | None:
        """Returns why there is no accuracy, or None if there is one."""
        right, rows = self._stream.counts()
        if not rows[self._task]:
            return "no row counts for it"
        return "a score is NaN" if np.isnan(right[self._task]) else None
