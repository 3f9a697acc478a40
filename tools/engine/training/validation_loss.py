"""Computes ``runner.valid_metric`` where it is a loss of the validation rows."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.config.config import Config
from engine.distributed import processes
from engine.evaluation import exact_metrics
from engine.evaluation.task_metrics import named_columns, predictions_of
from engine.graphs.session import Session
from engine.model_folder import loading
from engine.system.errors import UserError
from engine.training.early_stopping import LOGLOSS, LOSS, lower_is_better


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


class LogLoss:
    """A task's mean log loss over the validation rows that count for it.

    Args:
        name: ``logloss_<task>``.
    """

    def __init__(self, name: str):
        self.name, self._task = name, name[len(LOGLOSS) :]
        self.reset()

    def reset(self) -> None:
        """Forgets every row."""
        self._sums = np.zeros(2)  # of losses, and of rows

    def add(self, session: Session, batch: Any, rows: int, shown: Mapping[str, Any]) -> None:
        """Adds a batch; see `ShownMean.add`."""
        if batch is None:
            return
        labels = session.labels(batch)[self._task]
        predicted = predictions_of(self._task, named_columns(session.predict(batch)))
        counted = labels >= 0
        count = int(counted.sum())
        if count:
            mean = exact_metrics.log_loss(labels[counted], predicted[counted])
            self._sums += (mean * count, count)

    def result(self) -> dict[str, float]:
        """Returns the log loss by name; NaN if no row counts."""
        total, count = processes.current().all_reduce([self._sums])[0]
        return {self.name: float(total / count) if count else float("nan")}


def requested(config: Config, session: Session, batches: Any) -> ShownMean | LogLoss | None:
    """Returns the loss that ``runner.valid_metric`` names; None if it names another metric.

    Args:
        config: the configuration.
        session: the session that evaluates.
        batches: the validation batches, whose first one has the tasks' names.

    Raises:
        UserError: it is ``logloss_<task>``, and there is no such task, or the model returns no
            predictions.
    """
    name = config.runner("valid_metric")
    if name in session.metric_names or not lower_is_better(name):
        return None
    if not name.startswith(LOGLOSS):
        shows_more = loading.written_for_paddlerec(config)  # whatever print_dict has
        return ShownMean(name) if name == LOSS or shows_more else None

    def task_names() -> list[str]:
        batch, _ = next(batches)
        session.predict(batch)
        return list(session.labels(batch))

    try:
        known = processes.current().on_main_process(task_names)
    except UserError as error:
        raise config.error("runner.valid_metric", str(error)) from error
    if name[len(LOGLOSS) :] not in known:
        names = ", ".join(f"{LOGLOSS}{task}" for task in known)
        raise config.error("runner.valid_metric", f"expected one of {names}")
    return LogLoss(name)
