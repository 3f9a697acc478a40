r"""Which rows count for a task, and each row's share of the loss.

The loss of a batch is :math:`\sum_t W_t \frac{\sum_i w_{ti} c_t(y_{ti}) l_{ti}}{\sum_i w_{ti}}`
over the rows i that count for task t. W is the task's weight, w the row's sample weight (1
without), c the factor of its label (`positive_weight`, `class_weights`), and l its loss. A task
without such rows adds 0.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import paddle

from models.common.tasks.declaration import (
    IGNORED,
    KEY,
    Task,
    conditions,
    weight_columns,
)

_LEAST = 1e-30  # instead of a sum of weights of 0


class TaskRows:
    """The rows that count and their shares of the loss.

    Args:
        tasks: the tasks.
        config: the configuration.

    Attributes:
        columns: the columns of sample weights, in the order of a reader's arrays.
        weighted: whether rows may have different weights.
        counts_alike: whether every row that has a task's label counts for it, all alike.
    """

    def __init__(self, tasks: Sequence[Task], config):
        self.columns, self._places = weight_columns(tasks, config)
        self._tasks, self._conditions = tasks, conditions(tasks)
        self._weights = np.array([task.weight for task in tasks], np.float32)
        self._factors = [_factors(task) for task in tasks]
        self.weighted = bool(self.columns) or any(each is not None for each in self._factors)
        self.counts_alike = not self.weighted and not self._conditions

    def equal_shares(self, rows: int) -> np.ndarray:
        """Returns the shares ``[tasks, rows, 1]`` of rows that all count alike."""
        return np.repeat(self._weights.reshape(-1, 1, 1) / rows, rows, axis=1)

    def labels(self, columns: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Returns labels ``[n, 1]`` by task of the arrays after a batch's inputs; none without.

        Raises:
            ValueError: the reader yields another number of arrays.
        """
        tasks = len(self._tasks)
        if len(columns) not in (0, tasks, tasks + len(self.columns)):
            named = ", ".join(task.name for task in self._tasks)
            weights = f" and the weights {', '.join(self.columns)}" if self.columns else ""
            raise ValueError(
                f"{KEY}: the reader yields {len(columns)} labels a row, the tasks are "
                f"{named}{weights}"
            )
        return [
            np.asarray(column).reshape(-1, 1).astype("float32" if task.is_number else "int64")
            for task, column in zip(self._tasks, columns)
        ]

    def samples(self, columns: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Returns sample weights ``[n, 1]`` by column of the arrays after a batch's inputs."""
        after = columns[len(self._tasks) :]
        return [np.asarray(column, np.float32).reshape(-1, 1) for column in after]

    def truth(self, columns: Sequence[np.ndarray], rows: int = 0) -> list[np.ndarray]:
        """Returns labels ``[n, 1]`` by task, `IGNORED` or NaN in rows that do not count.

        Args:
            columns: labels and sample weights; empty for rows to predict.
            rows: the number of rows, if there may be no columns.
        """
        labels = self.labels(columns)
        if not labels:
            return [np.full([rows, 1], _absent(task)) for task in self._tasks]
        truth = list(labels)
        for place, condition in self._conditions:
            absent = _absent(self._tasks[place])
            truth[place] = np.where(labels[condition] == 1, labels[place], absent)
        return truth

    def truth_by_task(self, columns: Sequence[np.ndarray], rows: int) -> dict[str, np.ndarray]:
        """Returns labels ``[rows]`` by task; see `truth`."""
        truth = self.truth(columns, rows)
        return {task.name: label[:, 0] for task, label in zip(self._tasks, truth)}

    def sample_weights(self, samples: Sequence) -> list:
        """Returns each task's sample weights ``[n, 1]`` of a reader's arrays; None without."""
        if self.columns and not samples:  # rows to predict
            return [None] * len(self._tasks)
        return [None if place is None else samples[place] for place in self._places]

    def weights_by_task(
        self, columns: Sequence[np.ndarray], rows: int
    ) -> dict[str, np.ndarray] | None:
        """Returns sample weights ``[rows]`` by task; None if no task has any."""
        if not self.columns:
            return None
        weights = self.sample_weights(self.samples(columns))
        return {
            task.name: np.ones(rows, np.float32) if weight is None else weight[:, 0]
            for task, weight in zip(self._tasks, weights)
        }

    def shares(
        self, truth: Sequence[np.ndarray], samples: Sequence[np.ndarray], size: int
    ) -> np.ndarray | None:
        """Returns each row's share of its batch's loss, ``[tasks, n, 1]``.

        Args:
            truth: the result of `truth`.
            samples: the reader's arrays of sample weights ``[n, 1]``, by column.
            size: rows of a batch; the last batch may have fewer.

        Returns:
            The shares; None if all rows count alike.
        """
        counted = [counts(labels) for labels in truth]
        if not self.weighted and all(each.all() for each in counted):
            return None
        shares = np.zeros([len(truth), len(truth[0]), 1], np.float32)
        starts = np.arange(0, len(truth[0]), size)
        lengths = np.diff(np.append(starts, len(truth[0])))
        parts = zip(truth, self._counting(truth, samples), self._factors, self._weights)
        for place, (labels, rows, factors, weight) in enumerate(parts):
            sums = np.repeat(np.add.reduceat(rows, starts), lengths)
            if factors is not None:
                rows = rows * factors[labels[:, 0].clip(min=0)]
            shares[place, :, 0] = weight * rows / np.maximum(sums, _LEAST)
        return shares

    def sums(
        self, truth: Sequence[np.ndarray], samples: Sequence[np.ndarray], lengths: Sequence[int]
    ) -> np.ndarray:
        """Returns the sums of the weights of the rows that count, ``[batches, tasks]``.

        Args:
            truth: the result of `truth`, of the rows of several batches.
            samples: the reader's arrays of sample weights ``[n, 1]``, by column.
            lengths: the rows of each batch.
        """
        starts = np.cumsum([0, *lengths[:-1]])
        weights = self._counting(truth, samples)
        return np.stack([np.add.reduceat(rows, starts) for rows in weights], axis=1)

    def _counting(
        self, truth: Sequence[np.ndarray], samples: Sequence[np.ndarray]
    ) -> list[np.ndarray]:
        """Returns each row's weight by task ``[n]``, float64; 0 in rows that do not count."""
        return [
            counts(labels) * (1.0 if sample is None else sample[:, 0].astype(np.float64))
            for labels, sample in zip(truth, self.sample_weights(samples))
        ]

    def in_graph(self, labels: Sequence, samples: Sequence) -> tuple[list, list]:
        """Returns truth and shares, ``[n, 1]`` by task, as variables of a static program.

        Numbers are 0 where they do not count.
        """
        truth, shares = [], []
        chosen = self.sample_weights(samples)
        place_of = dict(self._conditions)
        for place, task in enumerate(self._tasks):
            label = labels[place]
            count = paddle.isfinite(label) if task.is_number else label >= 0
            if place in place_of:
                count = paddle.logical_and(count, labels[place_of[place]] == 1)
            absent = 0.0 if task.is_number else IGNORED
            label = paddle.where(count, label, paddle.full_like(label, absent))
            rows = count.astype("float32")
            rows = rows if chosen[place] is None else rows * chosen[place]
            total = paddle.clip(rows.sum(), min=_LEAST)
            if self._factors[place] is not None:
                table = paddle.assign(self._factors[place].reshape(-1, 1))
                rows = rows * paddle.gather(table, paddle.clip(label, min=0).flatten())
            truth.append(label)
            shares.append(rows * (task.weight / total))
        return truth, shares


def counts(labels: np.ndarray) -> np.ndarray:
    """Returns whether each row's label ``[n, 1]`` counts, ``[n]``."""
    return ~np.isnan(labels[:, 0]) if labels.dtype.kind == "f" else labels[:, 0] >= 0


def _absent(task: Task) -> np.generic:
    """Returns the label of a row that does not count."""
    return np.float32(np.nan) if task.is_number else np.int64(IGNORED)


def _factors(task: Task) -> np.ndarray | None:
    """Returns the factor of each class, or None if all are 1."""
    if task.class_weights:
        return np.array(task.class_weights, np.float32)
    if task.positive_weight != 1:
        return np.array([1.0, task.positive_weight], np.float32)
    return None
