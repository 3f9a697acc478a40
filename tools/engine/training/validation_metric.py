"""Computes ``runner.valid_metric`` where the model's own metrics do not have it.

That is a loss of the validation rows, or a metric of `engine.evaluation.metrics.catalogue`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.config.config import Config
from engine.distributed import processes
from engine.evaluation import task_metrics
from engine.evaluation.metrics import catalogue
from engine.evaluation.metrics.catalogue import METRICS
from engine.evaluation.metrics.task_columns import Facts, named_columns, predictions_of, typed
from engine.evaluation.predictions import in_order, sample_weights
from engine.evaluation.task_metrics import TaskMetrics
from engine.graphs.session import Session
from engine.model_folder import loading
from engine.system.errors import UserError, nearest
from engine.training.early_stopping import LOGLOSS, LOSS, lower_is_better

_KEY = "runner.valid_metric"


class ShownMean:
    """The mean over all rows of a value that the model shows for each batch, such as its loss.

    Args:
        name: the value's name.
    """

    def __init__(self, name: str):
        self.name = name
        self.reset()

    def reset(self) -> None:
        """Forgets every row."""
        self._total, self._rows, self._shown = 0.0, 0, False

    def add(self, session: Session, batch: Any, rows: int, shown: Mapping[str, Any]) -> None:
        """Adds a batch; every process calls it.

        Args:
            session: the session that evaluated the batch.
            batch: the batch; None if this process has no rows.
            rows: the step's number of rows in all processes.
            shown: the values that the model shows for the batch.
        """
        value = np.asarray(session.mean_over_processes(shown).get(self.name, ()))
        self._rows += rows
        if value.size == 1:
            self._shown = True
            self._total += rows * value.item()

    def result(self) -> dict[str, float]:
        """Returns the mean by name; empty if the model does not show it."""
        return {self.name: self._total / self._rows} if self._shown else {}


class ExactMetric:
    """A metric of one task, exact over the validation rows that count for it.

    Args:
        metric: the metric, with its options.
        task: the task.
        facts: the tasks' types and classes.
    """

    def __init__(self, metric: TaskMetrics, task: str, facts: Facts | None):
        self.name = f"{metric.names[0]}_{task}"
        self._metric, self._task, self._facts = metric, task, facts
        self.reset()

    def reset(self) -> None:
        """Forgets every row."""
        self._parts: list[list[np.ndarray]] = []  # labels, predictions and weights of each batch

    def add(self, session: Session, batch: Any, rows: int, shown: Mapping[str, Any]) -> None:
        """Adds a batch; see `ShownMean.add`."""
        if batch is None:
            return
        columns = named_columns(session.predict(batch), self._facts)
        part = [session.labels(batch)[self._task], predictions_of(self._task, columns, self._facts)]
        if self._metric.weighted:
            part.append(sample_weights(session, batch)[self._task])
        self._parts.append(part)

    def result(self) -> dict[str, float]:
        """Returns the metric by name; NaN if no row counts."""
        parts = in_order(processes.current().all_gather(self._parts))
        arrays = [np.concatenate(each) for each in zip(*parts)]
        return {self.name: self._metric.value(self._task, *arrays, facts=self._facts)}


def requested(config: Config, session: Session, source: Any) -> ShownMean | ExactMetric | None:
    """Returns what computes ``runner.valid_metric``; None if the model's own metrics have it.

    Args:
        config: the configuration.
        session: the session that evaluates.
        source: the validation batches. The first one has the tasks' names and types.

    Raises:
        UserError: it is ``<metric>_<task>``, and there is no such task, its type has no such
            metric, or the model returns no predictions.
    """
    name = config.runner("valid_metric")
    weighted = config.runner("weighted_metrics")
    shows_more = loading.written_for_paddlerec(config)  # whatever print_dict has
    found = catalogue.split(name)
    if shows_more and not name.startswith(LOGLOSS):
        found = None
    if name in session.metric_names and not (found and weighted):
        return None
    if found is None:
        is_shown = name == LOSS or (shows_more and lower_is_better(name))
        return ShownMean(name) if is_shown else None
    metric, task = found
    with_options = task_metrics.of_names(config, source, [metric], _KEY)
    _check(config, session, source, metric, task)
    return ExactMetric(with_options, task, session.task_facts())


def _check(config: Config, session: Session, source: Any, metric: str, task: str) -> None:
    """Checks that a task exists and has a metric with a direction."""

    def types() -> dict[str, str]:
        batches = session.batches(source, 0)
        batch, _ = next(batches)
        facts = session.task_facts()
        columns = named_columns(session.predict(batch), facts)
        labels = session.labels(batch).items()
        batches.close()
        return {
            name: typed(name, truth, predictions_of(name, columns, facts), facts)[0]
            for name, truth in labels
        }

    try:
        known = processes.current().on_main_process(types)
    except UserError as error:
        raise config.error(_KEY, str(error)) from error
    has = [name for name, kind in known.items() if kind in METRICS[metric].types]
    if task not in known:
        names = [f"{metric}_{each}" for each in has]
        found = f"expected one of {', '.join(names)}{nearest(f'{metric}_{task}', names)}"
        raise config.error(_KEY, found if names else f"no task has {metric}")
    kind = known[task]
    ordered = [
        f"{name}_{task}"
        for name, each in METRICS.items()
        if kind in each.types and each.higher_is_better is not None
    ]
    if f"{metric}_{task}" not in ordered:
        reason = f"{metric} is not defined for {task}, a {kind} task"
        if task in has:
            reason = f"neither higher nor lower is better for {metric}"
        raise config.error(_KEY, f"{reason}; expected one of {', '.join(ordered)}")
