"""Computes and logs ``runner.metrics``: further metrics of each task, exact over all rows."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from engine.config.config import Config
from engine.evaluation.metrics import catalogue
from engine.evaluation.metrics.catalogue import METRICS
from engine.evaluation.metrics.slices import Slices
from engine.evaluation.metrics.task_columns import Facts, counted, predictions_of, typed
from engine.system import logs
from engine.system.errors import UserError

logger = logging.getLogger(__name__)

_SHOWN = {"acc": "accuracy", "logloss": "log loss"}

Arrays = Mapping[str, np.ndarray]


@dataclass
class TaskMetrics:
    """Computes the metrics that ``runner.metrics`` names.

    Attributes:
        names: the names in ``runner.metrics``.
        bins: the number of bins in a reliability diagram.
        groups: each row's group in file order, ``[rows]``; None without ``gauc``.
        threshold: the probability above which a row is predicted 1.
        weighted: whether sample weights count.
        slices: the rows by a column's values; None without ``runner.slice_by``.
        warns: whether to warn of metrics that a task does not have.
    """

    names: list[str]
    bins: int = 20
    groups: np.ndarray | None = None
    threshold: float = 0.5
    weighted: bool = False
    slices: Slices | None = None
    warns: bool = True
    _has_warned: bool = False

    def report(
        self,
        title: str,
        predictions: Arrays,
        labels: Arrays,
        weights: Arrays | None = None,
        facts: Facts | None = None,
    ) -> dict[str, dict[str, Any]]:
        """Logs one line for each task; returns each task's results with its reliability diagram.

        A task without labels is left out.

        Args:
            title: the start of the lines, such as ``epoch: 2``.
            predictions: all rows' predictions, in columns as `named_columns` returns them.
            labels: all rows' labels by task; `counted` says which rows count.
            weights: all rows' sample weights by task; None if there are none.
            facts: the tasks' types and classes.

        Raises:
            UserError: a task has no predictions, or rows have no groups.
        """
        present = {
            task: typed(task, truth, predictions_of(task, predictions, facts), facts)
            for task, truth in labels.items()
            if counted(truth).any()
        }
        self._warn({task: kind for task, (kind, _) in present.items()})
        results = {}
        for task, (kind, truth) in present.items():
            predicted = predictions_of(task, predictions, facts)
            rows = self._rows(truth, predicted, weights.get(task) if weights else None)
            names = self._names_for(kind)
            results[task] = result = self._compute(names, rows)
            if names:
                self._log(f"{title}, {task}", result)
            if names and self.slices:
                result["slices"] = self._sliced(f"{title}, {task}", names, truth, rows)
        if self.slices and results:
            self._log_rest(title)
        return results

    def value(
        self,
        task: str,
        labels: np.ndarray,
        predictions: np.ndarray,
        weights: np.ndarray | None = None,
        facts: Facts | None = None,
    ) -> float:
        """Returns the first of `names` for one task's rows; NaN if no row counts. See `report`."""
        _, truth = typed(task, labels, predictions, facts)
        rows = self._rows(truth, predictions, weights)
        return self._compute(self.names[:1], rows)[self.names[0]] if len(rows.labels) else np.nan

    def _rows(
        self, truth: np.ndarray, predictions: np.ndarray, weights: np.ndarray | None
    ) -> catalogue.Rows:
        kept = counted(truth)
        for key, groups in self._groups_by_key():
            if len(groups) != len(kept):
                raise UserError(
                    f"runner.{key}: the reader's groups are for {len(groups)} rows, "
                    f"but it yielded {len(kept)}"
                )
        return catalogue.Rows(
            truth[kept],
            predictions[kept],
            None if weights is None else weights[kept],
            None if self.groups is None else self.groups[kept],
            self.threshold,
            self.bins,
        )

    def _groups_by_key(self) -> list[tuple[str, np.ndarray]]:
        found = [("gauc_column", self.groups)] if self.groups is not None else []
        return found + ([("slice_by", self.slices.groups)] if self.slices else [])

    def _compute(self, names: list[str], rows: catalogue.Rows) -> dict[str, Any]:
        result: dict[str, Any] = {"rows": len(rows.labels)}
        if rows.weights is not None:
            result["weight"] = float(rows.weights.sum(dtype=np.float64))
        if rows.predictions.ndim == 1 and rows.labels.dtype.kind != "f":
            result["positives"] = int(rows.labels.sum())
        for name in names:
            result.update(catalogue.compute(name, rows))
        return result

    def _sliced(
        self, title: str, names: list[str], truth: np.ndarray, rows: catalogue.Rows
    ) -> dict[str, Any]:
        """Logs a line for each value of the column; returns the values' results."""
        kept, found = counted(truth), {}
        for value, own in self.slices.largest():
            own = own[kept]
            if own.any():
                arrays = [None if each is None else each[own] for each in rows[:4]]
                found[value] = self._compute(names, catalogue.Rows(*arrays, *rows[4:]))
                self._log(f"{title}, {self.slices.column} = {value}", found[value])
        return {"column": self.slices.column, "values": found, **self.slices.rest()}

    def _log(self, title: str, result: Mapping[str, Any]) -> None:
        shown = [f"{name}: {result[name]:.6f}" for name in METRICS if name in result]
        weight = f" of weight {result['weight']:g}" if "weight" in result else ""
        if "gauc_groups" in result:
            shown.append(f"of {result['gauc_groups']} groups")
        line = ", ".join([f"{title} on {result['rows']} rows{weight}", *shown])
        logger.info(line, extra=logs.RESULT)

    def _log_rest(self, title: str) -> None:
        """Logs how many values and rows have no line of their own."""
        rest, column = self.slices.rest(), self.slices.column
        parts = []
        if rest["more_values"]:
            parts.append(f"{rest['more_values']} more values on {rest['more_rows']} rows")
        if rest["rows_without_value"]:
            parts.append(f"{rest['rows_without_value']} rows without a value")
        if parts:
            logger.info(f"{title}, {column}: {', '.join(parts)}", extra=logs.RESULT)

    def _names_for(self, kind: str) -> list[str]:
        """Returns the metrics that a type of tasks has."""
        return [name for name in METRICS if name in self.names and kind in METRICS[name].types]

    def _warn(self, kinds: Mapping[str, str]) -> None:
        """Warns once of metrics that no task has, and of tasks that have none of the metrics."""
        if self._has_warned or not self.warns:
            return
        self._has_warned = True
        of_task = {task: self._names_for(kind) for task, kind in kinds.items()}
        used = {name for names in of_task.values() for name in names}
        unused = [name for name in self.names if name not in used]
        if unused and kinds:
            types = ", ".join(f"{task} ({kind})" for task, kind in kinds.items())
            text = "runner.metrics: no task has %s; the tasks are %s"
            logger.warning(text, ", ".join(unused), types)
        for task, names in of_task.items():
            if not names:
                known = [name for name in METRICS if kinds[task] in METRICS[name].types]
                text = "%s is a %s task and has none of runner.metrics; it may have %s"
                logger.warning(text, task, kinds[task], ", ".join(known))
        unweighted = [name for name in METRICS if name in used and not METRICS[name].has_weights]
        if self.weighted and unweighted:
            text = "runner.weighted_metrics: %s has no weighted form, every row counts once"
            logger.warning(text, ", ".join(unweighted))


def requested(config: Config, source: Any) -> TaskMetrics | None:
    """Returns the metrics of ``runner.metrics``; None if it is empty.

    Args:
        config: the configuration.
        source: the evaluation batches; its reader returns the groups of ``gauc`` and the values
            of ``runner.slice_by``.

    Raises:
        UserError: ``runner.gauc_column`` is not set, or the reader has no such groups.
    """
    names = config.runner("metrics")
    if not names:
        return None
    found = of_names(config, source, names)
    column = config.runner("slice_by")
    if column is not None:
        groups = _groups(config, source, "slice_by", column)
        found.slices = Slices(column, groups, source.group_names(column))
    return found


def summary(
    task: str,
    labels: np.ndarray,
    predictions: np.ndarray | None,
    facts: Facts | None,
    weights: np.ndarray | None = None,
) -> dict[str, float]:
    """Returns the main metrics of a task's type, by their names in the log of ``paddle_infer.py``.

    Args:
        task: the task.
        labels: ``[n]``; `counted` says which rows count.
        predictions: ``[n]`` or ``[n, classes]``; None if the task has no predictions.
        facts: the tasks' types and classes.
        weights: sample weights ``[n]``; None without.

    Returns:
        The metrics; empty if no row counts, there are no predictions, or without ``facts`` if the
        labels are not classes.
    """
    if predictions is None:
        return {}
    kind, truth = typed(task, labels, predictions, facts)
    kept = counted(truth)
    if not kept.any() or (facts is None and kind in catalogue.NUMBERS):
        return {}
    rows = catalogue.Rows(
        truth[kept], predictions[kept], None if weights is None else weights[kept]
    )
    names = catalogue.main_metrics(kind)
    return {_SHOWN.get(name, name): catalogue.compute(name, rows)[name] for name in names}


def main_names(facts: Facts | None) -> list[str]:
    """Returns the metrics of all types of tasks that a model has, where none are named."""
    kinds = dict.fromkeys(each["type"] for each in facts or ())
    names = [name for kind in kinds or [catalogue.BINARY] for name in catalogue.main_metrics(kind)]
    return list(dict.fromkeys(names))


def of_names(
    config: Config, source: Any, names: list[str], key: str = "runner.metrics"
) -> TaskMetrics:
    """Returns the metrics that a key of a configuration names, with their options."""
    groups = None
    if "gauc" in names:
        column = config.runner("gauc_column")
        if column is None:
            reason = "gauc needs runner.gauc_column, the column of the groups"
            raise config.error(key, reason)
        groups = _groups(config, source, "gauc_column", column)
    return TaskMetrics(
        names,
        config.runner("ece_bins"),
        groups,
        config.runner("threshold"),
        config.runner("weighted_metrics"),
    )


def _groups(config: Config, source: Any, key: str, column: str) -> np.ndarray:
    find = getattr(source, "groups", None)
    if find is None:
        raise config.error(f"runner.{key}", "groups need a reader; the model loads the rows")
    try:
        return find(column)
    except UserError as error:
        raise config.error(f"runner.{key}", str(error)) from error
