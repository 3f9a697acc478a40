"""Computes and logs ``runner.metrics``: further metrics of each task, exact over all rows."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.config.config import Config
from engine.evaluation import exact_metrics
from engine.system import logs
from engine.system.errors import UserError

logger = logging.getLogger(__name__)

_BINARY_ONLY = ("auc", "gauc")  # metrics of tasks with two classes


@dataclass
class TaskMetrics:
    """Computes the metrics that ``runner.metrics`` names.

    Attributes:
        names: the names in ``runner.metrics``.
        bins: the number of bins in a reliability diagram.
        groups: each row's group in file order, ``[rows]``; None without ``gauc``.
    """

    names: list[str]
    bins: int
    groups: np.ndarray | None = None
    _warned: set[str] = field(default_factory=set)

    def report(
        self, title: str, predictions: Mapping[str, np.ndarray], labels: Mapping[str, np.ndarray]
    ) -> dict[str, dict[str, Any]]:
        """Logs one line for each task; returns each task's results with its reliability diagram.

        Args:
            title: the start of the lines, such as ``epoch: 2``.
            predictions: all rows' predictions, in columns as `named_columns` returns them.
            labels: all rows' labels by task; rows with a negative label do not count.

        Raises:
            UserError: a task has no predictions, or rows have no groups.
        """
        results = {}
        for task, truth in labels.items():
            result = self._compute(task, truth, predictions_of(task, predictions))
            results[task] = result
            shown = ", ".join(
                f"{name}: {value:.6f}" for name, value in result.items() if name in self.names
            )
            groups = result.get("gauc_groups")
            of_groups = "" if groups is None else f", of {groups} groups"
            line = f"{title}, {task} on {result['rows']} rows, {shown}{of_groups}"
            logger.info(line, extra=logs.RESULT)
        return results

    def _compute(self, task: str, labels: np.ndarray, predictions: np.ndarray) -> dict[str, Any]:
        counted = labels >= 0
        truth, predicted = labels[counted], predictions[counted]
        names = self._names_for(task, predicted)
        result: dict[str, Any] = {"rows": int(counted.sum())}
        if predicted.ndim == 1:
            result["positives"] = int(truth.sum())
            events = truth, predicted
        else:
            events = exact_metrics.top_class(truth, predicted)
        if "auc" in names:
            result["auc"] = exact_metrics.auc(truth, predicted)
        if "gauc" in names:
            if len(self.groups) != len(counted):
                raise UserError(
                    f"runner.gauc_column: the reader's groups are for {len(self.groups)} rows, "
                    f"but it yielded {len(counted)}"
                )
            grouped = exact_metrics.grouped_auc(truth, predicted, self.groups[counted])
            result.update(gauc=grouped.value, gauc_groups=grouped.groups, gauc_rows=grouped.rows)
        if "acc" in names:
            result["acc"] = exact_metrics.accuracy(truth, predicted)
        if "logloss" in names:
            result["logloss"] = exact_metrics.log_loss(truth, predicted)
        if "calibration" in names:
            result["calibration"] = exact_metrics.calibration(*events)
        if "ece" in names:
            bins = exact_metrics.reliability(*events, self.bins)
            result["ece"] = bins.error
            result["reliability"] = [
                [float(number) for number in point] for point in zip(*bins)
            ]  # predicted, observed, rows
        return result

    def _names_for(self, task: str, predictions: np.ndarray) -> list[str]:
        """Returns the metrics that exist for a task; warns once of the others."""
        if predictions.ndim == 1:
            return self.names
        binary_only = [name for name in _BINARY_ONLY if name in self.names]
        if binary_only and task not in self._warned:
            self._warned.add(task)
            text = "%s has %d classes: %s of runner.metrics needs a task with two"
            logger.warning(text, task, predictions.shape[1], " and ".join(binary_only))
        return [name for name in self.names if name not in _BINARY_ONLY]


def requested(config: Config, source: Any) -> TaskMetrics | None:
    """Returns the metrics of ``runner.metrics``; None if it is empty.

    Args:
        config: the configuration.
        source: the evaluation batches; its reader returns the groups of ``gauc``.

    Raises:
        UserError: ``runner.gauc_column`` is not set, or the reader has no such groups.
    """
    names = config.runner("metrics")
    if not names:
        return None
    column = config.runner("gauc_column")
    if "gauc" not in names:
        return TaskMetrics(names, config.runner("ece_bins"))
    if column is None:
        raise config.error(
            "runner.metrics", "gauc needs runner.gauc_column, the column of the groups"
        )
    find = getattr(source, "groups", None)
    if find is None:
        raise config.error("runner.gauc_column", "groups need a reader; the model loads the rows")
    return TaskMetrics(names, config.runner("ece_bins"), find(column))


def predictions_of(task: str, predictions: Mapping[str, np.ndarray]) -> np.ndarray:
    """Returns a task's predictions: ``[n]``, or ``[n, classes]`` with more than two classes."""
    if task in predictions:
        return predictions[task]
    columns = []
    while f"{task}_{len(columns)}" in predictions:
        columns.append(predictions[f"{task}_{len(columns)}"])
    if not columns:
        raise UserError(f"runner.metrics: the model has no predictions of task {task}")
    return np.stack(columns, axis=1)


def named_columns(outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns tasks' outputs as columns ``[n]``, called ``<task>`` or ``<task>_<class>``.

    Args:
        outputs: the outputs by task, ``[n]`` or ``[n, classes]``.
    """
    columns = {}
    for name, array in outputs.items():
        if array.ndim == 1:
            columns[name] = array
            continue
        flat = array.reshape(len(array), -1)
        columns.update({f"{name}_{number}": flat[:, number] for number in range(flat.shape[1])})
    return columns


def counting_labels(
    labels: Mapping[str, np.ndarray], conditions: Mapping[str, str]
) -> dict[str, np.ndarray]:
    """Returns labels ``[n]`` by task, with -1 in rows that do not count.

    Args:
        labels: ``[n]`` by task.
        conditions: the tasks that count only in some rows, each with the task whose label must be
            1 in these rows.
    """
    counting = {}
    for name, truth in labels.items():
        truth = truth.astype(np.int64)
        if name in conditions:
            truth = np.where(labels[conditions[name]] == 1, truth, -1)
        counting[name] = truth
    return counting
