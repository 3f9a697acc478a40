"""Collects scores and labels of batches until their metrics are read."""

from __future__ import annotations

from typing import Any

import numpy as np
import paddle

_KEPT = 1 << 23  # rows that evaluation keeps at most, so that a metric is exact
_PENDING = 1024  # batches kept before they are counted


class Stream:
    """Scores and labels of tasks of one type, shared by the tasks' metrics.

    A subclass counts them. Scores and labels of several tasks are ``[tasks, n, ...]``; of one task
    they may be ``[n, ...]``.

    Args:
        task_num: number of tasks.
    """

    def __init__(self, task_num: int = 1):
        self._task_num = task_num
        self.reset()

    def reset(self) -> None:
        """Forgets every row."""
        self._pending: list[tuple[Any, Any]] = []
        self._kept: list[tuple] | None = None
        self._kept_rows, self._is_empty = 0, True

    def keep_rows(self) -> None:
        """Keeps all rows until the next reset, for exact metrics; before the first row."""
        if self._is_empty:
            self._kept = []

    def keep(self, *rows: np.ndarray) -> None:
        """Keeps arrays ``[tasks, n]``, unless they are too many or `keep_rows` was not called."""
        self._kept_rows += rows[0].shape[1]
        if self._kept is not None and self._kept_rows <= _KEPT:
            self._kept.append(rows)
        else:
            self._kept = None

    def kept(self, task: int) -> list[np.ndarray] | None:
        """Returns a task's kept arrays ``[rows]``; None if rows were not kept."""
        self.count()
        if not self._kept:
            return None
        return [np.concatenate([part[task] for part in parts]) for parts in zip(*self._kept)]

    def forget_rows(self) -> None:
        """Keeps no rows from now on: some are not known."""
        self._kept, self._is_empty = None, False

    def add(self, scores: Any, labels: Any) -> None:
        """Takes a batch.

        Args:
            scores: ``[tasks, n, size]`` or ``[n, size]``, a tensor or an array.
            labels: ``[tasks, n, 1]`` or ``[n, 1]``; negative classes and NaN do not count.
        """
        self._is_empty = False
        if len(self._pending) >= _PENDING - 1:  # before it, so that this batch can be removed
            self.count()
        self._pending.append((scores, labels))

    def forget_batch(self) -> None:
        """Removes the batch that was added last; it is not counted yet."""
        self._pending.pop()

    def count(self) -> None:
        """Counts the batches that are pending."""
        if not self._pending:
            return
        pending, self._pending = self._pending, []
        scores, labels = (_joined(part) for part in zip(*pending))
        sizes = [batch.shape[-2] for _, batch in pending]
        self._add_counts(scores, labels, np.repeat(np.arange(len(sizes)), sizes))

    def _add_counts(self, scores: np.ndarray, labels: np.ndarray, batches: np.ndarray) -> None:
        """Counts rows, ``[tasks, n, ...]``; ``batches`` are the numbers of their batches."""
        raise NotImplementedError


def _joined(batches: tuple) -> np.ndarray:
    """Returns all batches as one array, ``[tasks, n, ...]``."""
    axis = batches[0].ndim - 2
    if isinstance(batches[0], paddle.Tensor):
        joined = paddle.concat(list(batches), axis=axis).numpy()
    else:
        joined = np.concatenate(batches, axis=axis)
    return joined if joined.ndim == 3 else joined[None]


class TaskMetric:
    """A metric of one task.

    Args:
        stream: the rows, shared with other metrics.
        task: the task's place in the stream.
    """

    def __init__(self, stream: Stream, task: int):
        self._stream, self._task = stream, task

    def reset(self) -> None:
        """Forgets every row, of all tasks of the stream."""
        self._stream.reset()
