"""``runner.metrics``: what an evaluation says of each task besides the model's own metrics."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from engine.config.config import Config
from engine.evaluation import exact_metrics
from engine.system.errors import UserError

logger = logging.getLogger(__name__)

_ORDER_ONLY = ("auc", "gauc")  # of tasks with two classes


@dataclass
class TaskMetrics:
    """What is asked for, and of which groups.

    Attributes:
        names: the metrics, of `schema.METRICS`.
        bins: how many a reliability diagram has.
        groups: each row's group in file order ``[rows]``, or None.
    """

    names: list[str]
    bins: int
    groups: np.ndarray | None = None
    _told: set[str] = field(default_factory=set)

    def report(
        self, what: str, predictions: Mapping[str, np.ndarray], labels: Mapping[str, np.ndarray]
    ) -> dict[str, dict[str, Any]]:
        """Logs a line a task and returns each task's figures, its reliability diagram included.

        Args:
            what: what is evaluated, for the lines: ``epoch: 2``.
            predictions: every row's, as ``runner.save_predictions`` writes them.
            labels: every row's label by task; rows with a negative one do not count.

        Raises:
            UserError: a task has no predictions, or rows have no groups.
        """
        found = {}
        for task, truth in labels.items():
            found[task] = self._of_task(task, truth, _of_task(task, predictions))
            shown = ", ".join(
                f"{name}: {value:.6f}" for name, value in found[task].items() if name in self.names
            )
            groups = found[task].get("gauc_groups")
            of_groups = "" if groups is None else f", of {groups} groups"
            rows = found[task]["rows"]
            logger.info("%s, %s on %d rows, %s%s", what, task, rows, shown, of_groups)
        return found

    def _of_task(self, task: str, labels: np.ndarray, predictions: np.ndarray) -> dict[str, Any]:
        counted = labels >= 0
        truth, predicted = labels[counted], predictions[counted]
        names = self._defined(task, predicted)
        found: dict[str, Any] = {"rows": int(counted.sum())}
        if predicted.ndim == 1:
            found["positives"] = int(truth.sum())
            events = truth, predicted
        else:
            events = exact_metrics.decided(truth, predicted)
        if "auc" in names:
            found["auc"] = exact_metrics.auc(truth, predicted)
        if "gauc" in names:
            if len(self.groups) != len(counted):
                raise UserError(
                    f"runner.gauc_column: the reader's groups are those of {len(self.groups)} "
                    f"rows, and it yielded {len(counted)}"
                )
            grouped = exact_metrics.grouped_auc(truth, predicted, self.groups[counted])
            found.update(gauc=grouped.value, gauc_groups=grouped.groups, gauc_rows=grouped.rows)
        if "acc" in names:
            found["acc"] = exact_metrics.accuracy(truth, predicted)
        if "logloss" in names:
            found["logloss"] = exact_metrics.log_loss(truth, predicted)
        if "calibration" in names:
            found["calibration"] = exact_metrics.calibration(*events)
        if "ece" in names:
            bins = exact_metrics.reliability(*events, self.bins)
            found["ece"] = bins.error
            found["reliability"] = [
                [float(number) for number in one] for one in zip(*bins)
            ]  # predicted, observed, rows
        return found

    def _defined(self, task: str, predictions: np.ndarray) -> list[str]:
        """Returns the metrics that a task has; says once which it has not."""
        if predictions.ndim == 1:
            return self.names
        lacking = [name for name in _ORDER_ONLY if name in self.names]
        if lacking and task not in self._told:
            self._told.add(task)
            text = "%s has %d classes: runner.metrics' %s is of tasks with two"
            logger.warning(text, task, predictions.shape[1], " and ".join(lacking))
        return [name for name in self.names if name not in _ORDER_ONLY]


def wanted(config: Config, source: Any) -> TaskMetrics | None:
    """Returns what ``runner.metrics`` asks for; None if it asks for nothing.

    Args:
        config: the configuration.
        source: the evaluation batches, whose reader knows the groups.

    Raises:
        UserError: ``runner.gauc_column`` is not set, or the reader knows no such groups.
    """
    names = config.runner("metrics")
    if not names:
        return None
    column = config.runner("gauc_column")
    if "gauc" not in names:
        return TaskMetrics(names, config.runner("ece_bins"))
    if column is None:
        raise config.error("runner.metrics", "gauc needs runner.gauc_column, whose values group")
    find = getattr(source, "groups", None)
    if find is None:
        raise config.error("runner.gauc_column", "only a reader knows groups of rows")
    return TaskMetrics(names, config.runner("ece_bins"), find(column))


def _of_task(task: str, predictions: Mapping[str, np.ndarray]) -> np.ndarray:
    """Returns a task's predictions: ``[n]``, or ``[n, classes]`` where it has more than two."""
    if task in predictions:
        return predictions[task]
    columns = []
    while f"{task}_{len(columns)}" in predictions:
        columns.append(predictions[f"{task}_{len(columns)}"])
    if not columns:
        raise UserError(f"runner.metrics: the model's predictions have none of task {task}")
    return np.stack(columns, axis=1)


def named_columns(outputs: Mapping[str, np.ndarray]) -> dict[str, np.ndarray]:
    """Returns tasks' outputs as columns ``[n]``: ``<task>``, or ``<task>_<class>`` a class.

    Args:
        outputs: by task, ``[n]`` or ``[n, classes]``.
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
        conditions: the tasks that count in some rows only, each with the task whose label is 1
            there.
    """
    found = {}
    for name, truth in labels.items():
        truth = truth.astype(np.int64)
        if name in conditions:
            truth = np.where(labels[conditions[name]] == 1, truth, -1)
        found[name] = truth
    return found
