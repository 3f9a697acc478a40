"""The streaming metrics of all tasks of a model."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from models.common.tasks.declaration import Task
from models.common.tasks.metrics.accuracy import Accuracy, Choices
from models.common.tasks.metrics.auc import Auc, Scores
from models.common.tasks.metrics.numbers import MeanAbsoluteError, Numbers, Xauc
from models.common.tasks.metrics.stream import Stream, TaskMetric

_METRICS = {"binary": [("auc", Auc)], "multiclass": [("acc", Accuracy)]}
_OF_NUMBERS = [("mae", MeanAbsoluteError), ("xauc", Xauc)]


class TaskStreams:
    """Takes the scores of all tasks, batch by batch.

    Args:
        tasks: the tasks.
        predict: returns a task's predictions ``[n, 1]`` for its scores, given its place; numbers
            are compared in the label's unit.
        stacked: whether scores and labels of all tasks are one array each, ``[tasks, n, ...]``;
            all tasks then have one type. If not, there is one array a task.

    Attributes:
        metrics: the metrics, task by task.
        names: their names: the metric and the task.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        predict: Callable[[int, np.ndarray], np.ndarray],
        stacked: bool,
    ):
        self.metrics: list[TaskMetric] = []
        self.names: list[str] = []
        self._stacked, self._streams = stacked, []
        for place, task in enumerate(tasks):
            if not stacked or not place:
                self._streams.append(_stream(task, len(tasks) if stacked else 1, predict, place))
            for prefix, metric in _METRICS.get(task.type, _OF_NUMBERS):
                self.metrics.append(metric(self._streams[-1], place if stacked else 0))
                self.names.append(f"{prefix}_{task.name}")

    def add(self, scores: Any, labels: Any) -> None:
        """Takes a batch; see `Stream.add`."""
        if self._stacked:
            self._streams[0].add(scores, labels)
            return
        for stream, score, label in zip(self._streams, scores, labels):
            stream.add(score, label)

    def keep_rows(self) -> None:
        """Keeps all rows until the next reset, so that metrics are exact."""
        for stream in self._streams:
            stream.keep_rows()

    def forget_batch(self) -> None:
        """Removes the batch that was added last."""
        for stream in self._streams:
            stream.forget_batch()


def _stream(task: Task, task_num: int, predict: Callable, place: int) -> Stream:
    if task.type == "binary":
        return Scores(task_num)
    if task.type == "multiclass":
        return Choices(task_num)
    return Numbers(lambda scores: predict(place, scores))
