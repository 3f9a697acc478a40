"""Streaming AUC and accuracy: scores are collected in each step and counted when they are read."""

from __future__ import annotations

import numpy as np
import paddle

# AUC is computed from a histogram of log-odds, so its memory does not grow with the rows. Rows in
# one bucket count as ties. Buckets are 0.001 wide at odds of 20 to 1, narrower towards even odds
# and wider beyond, up to log-odds of 1000. If a task's scores spread over 0.1 or more, this AUC
# differs from the exact one by less than 1e-4. If more than `_TIES` of all pairs lie in one bucket,
# evaluation counts exactly: it keeps its rows, up to `_KEPT` of them.
_BUCKETS = 1 << 16
_FINENESS = 8.0
_LIMIT = np.arcsinh(_FINENESS * 1000.0)
_PENDING = 1024  # batches kept before they are counted
_TIES = 2e-3
_KEPT = 1 << 23


class Scores:
    """Scores and labels of all tasks, shared by the tasks' metrics.

    Args:
        task_num: number of binary tasks.
    """

    def __init__(self, task_num: int):
        self._task_num = task_num
        self.reset()

    def reset(self) -> None:
        """Forgets every row."""
        self._pending = []
        # float64 counts exactly up to 2^53 rows, and BLAS multiplies it.
        self._counts = np.zeros((self._task_num, 2, _BUCKETS))
        self._kept: list | None = None
        self._kept_rows, self._is_empty = 0, True

    def keep_rows(self) -> None:
        """Keeps all rows until the next reset, so that an AUC can be exact; before the first."""
        if self._is_empty:
            self._kept = []

    def add(self, scores, labels) -> None:
        """Takes a batch.

        Args:
            scores: ``[task_num, batch, 2]``, tensor or array: logits or log-probabilities, so
                column 1 minus column 0 is the log-odds of label 1.
            labels: ``[task_num, batch, 1]`` integers, 0 or 1; negative in rows that do not count.
        """
        self._is_empty = False
        if len(self._pending) >= _PENDING - 1:  # before it, so that this batch can be removed
            self._count()
        self._pending.append((scores, labels))

    def forget_batch(self) -> None:
        """Removes the batch that was added last; it is not counted yet."""
        self._pending.pop()

    def counts(self) -> np.ndarray:
        """Returns rows by task, label and bucket, ``[task_num, 2, buckets]``."""
        self._count()
        return self._counts

    def set_counts(self, task: int, counts: np.ndarray) -> None:
        """Replaces a task's counts; the rows that they come from are not known."""
        self.counts()[task] = counts
        self._kept, self._is_empty = None, False

    def exact_auc(self, task: int) -> float | None:
        """Returns a task's exact AUC; None if its rows were not kept."""
        self._count()
        if self._kept is None:
            return None
        odds, labels = (
            np.concatenate([part[task] for part in parts]) for parts in zip(*self._kept)
        )
        negative, positive = np.sort(odds[labels == 0]), np.sort(odds[labels == 1])
        below = np.searchsorted(negative, positive, "left").sum(dtype=np.float64)
        up_to = np.searchsorted(negative, positive, "right").sum(dtype=np.float64)
        return float((below + up_to) / (2.0 * len(negative) * len(positive)))

    def _count(self) -> None:
        if not self._pending:
            return
        scores, labels = (_joined(part) for part in zip(*self._pending))
        self._pending = []
        odds = scores[:, :, 1] - scores[:, :, 0]
        counted = labels[:, :, 0] >= 0
        if self._kept is not None:
            self._keep(odds, labels[:, :, 0])
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

    def _keep(self, odds: np.ndarray, labels: np.ndarray) -> None:
        self._kept_rows += odds.shape[1]
        if self._kept_rows > _KEPT:
            self._kept = None
        else:
            self._kept.append((odds, np.sign(labels).astype(np.int8)))


def _joined(batches) -> np.ndarray:
    if isinstance(batches[0], paddle.Tensor):
        return paddle.concat(list(batches), axis=1).numpy()
    return np.concatenate(batches, axis=1)


class Choices:
    """Correct choices among several classes, of all tasks.

    Args:
        task_num: number of tasks.
    """

    def __init__(self, task_num: int):
        self._task_num = task_num
        self.reset()

    def reset(self) -> None:
        """Forgets every row."""
        self._pending = []
        self._right, self._rows = np.zeros(self._task_num), np.zeros(self._task_num)

    def add(self, scores, labels) -> None:
        """Takes a batch.

        Args:
            scores: ``[task_num, batch, classes]``, tensor or array; the highest is chosen.
            labels: ``[task_num, batch, 1]`` integers; negative in rows that do not count.
        """
        if len(self._pending) >= _PENDING - 1:  # before it, so that this batch can be removed
            self.counts()
        self._pending.append((scores, labels))

    def forget_batch(self) -> None:
        """Removes the batch that was added last; it is not counted yet."""
        self._pending.pop()

    def counts(self) -> tuple[np.ndarray, np.ndarray]:
        """Returns correct choices and rows, ``[task_num]`` each."""
        if self._pending:
            scores, labels = (_joined(part) for part in zip(*self._pending))
            self._pending = []
            right = scores.argmax(axis=2) == labels[:, :, 0]
            right = np.where(np.isnan(scores).any(axis=2), np.nan, right)
            counted = labels[:, :, 0] >= 0
            self._right += np.where(counted, right, 0.0).sum(axis=1)
            self._rows += counted.sum(axis=1)
        return self._right, self._rows


class Accuracy:
    """The accuracy of one task.

    Args:
        choices: the rows, shared with the other tasks' metrics.
        task: which of the tasks.
    """

    def __init__(self, choices: Choices, task: int):
        self._choices = choices
        self._task = task

    def reset(self) -> None:
        """Forgets every row, of all tasks."""
        self._choices.reset()

    def state_dict(self) -> dict:
        """Returns the counts, for a run that another process continues."""
        right, rows = self._choices.counts()
        return {"right": right[self._task], "rows": rows[self._task]}

    def set_state_dict(self, state: dict) -> None:
        """Restores the counts of this task."""
        right, rows = self._choices.counts()
        right[self._task], rows[self._task] = state["right"], state["rows"]

    def accumulate(self) -> float:
        """Returns the accuracy since the last reset; NaN if a score was NaN."""
        right, rows = self._choices.counts()
        return float(right[self._task] / rows[self._task]) if rows[self._task] else float("nan")


class Auc:
    """The area under the ROC curve of one task.

    Args:
        scores: the rows, shared with the other tasks' metrics.
        task: which of the tasks.
    """

    def __init__(self, scores: Scores, task: int):
        self._scores = scores
        self._task = task

    def reset(self) -> None:
        """Forgets every row, of all tasks."""
        self._scores.reset()

    def state_dict(self) -> dict:
        """Returns the counts, for a run that another process continues."""
        return {"counts": self._scores.counts()[self._task]}

    def set_state_dict(self, state: dict) -> None:
        """Restores the counts of this task."""
        self._scores.set_counts(self._task, state["counts"])

    def accumulate(self) -> float:
        """Returns the AUC over all rows since the last reset.

        It is NaN if all rows have one label, or if a score was NaN.
        """
        negative, positive = self._scores.counts()[self._task]
        pairs = negative.sum() * positive.sum()
        if not pairs > 0:
            return float("nan")
        tied = negative @ positive
        exact = self._scores.exact_auc(self._task) if tied > _TIES * pairs else None
        if exact is not None:
            return exact
        return float((np.cumsum(negative) @ positive - 0.5 * tied) / pairs)

    def error_bound(self) -> float:
        """Returns how far the AUC may be from the exact one, because scores share buckets."""
        negative, positive = self._scores.counts()[self._task]
        pairs, tied = negative.sum() * positive.sum(), negative @ positive
        if not tied > _TIES * pairs or self._scores.exact_auc(self._task) is not None:
            return 0.0
        return float(0.5 * tied / pairs)

    def undefined(self) -> str | None:
        """Returns why there is no AUC, or None if there is one."""
        rows = self._scores.counts()[self._task].sum(axis=1)
        if np.isnan(rows).any():
            return "a score is NaN"
        if not rows.any():
            return "no row counts for it"
        if rows.all():
            return None
        return f"all its rows have the label {int(rows[1] > 0)}: an AUC needs both"
