"""Evaluates an ensemble: the mean of the predictions of several checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from engine.checkpoints import choice
from engine.config.config import Config
from engine.data import column_statistics
from engine.data.sources import Source, length
from engine.evaluation import task_metrics
from engine.evaluation.predictions import Predictions
from engine.evaluation.progress import RunLog
from engine.evaluation.steps import run_steps
from engine.evaluation.task_metrics import TaskMetrics
from engine.graphs import checkpoint_loading
from engine.graphs.session import Session
from engine.system.clock import Clock
from engine.system.errors import UserError

_METRICS = ["auc", "logloss"]  # if runner.metrics is not set


def evaluate(
    session: Session, config: Config, source: Source, folders: Sequence[str]
) -> tuple[Mapping[str, np.ndarray], dict[str, Any]]:
    """Logs the metrics of each checkpoint, and those of their mean prediction.

    Args:
        session: a session of the model, in dygraph.
        config: the configuration.
        source: the evaluation batches.
        folders: the checkpoints.

    Returns:
        The mean predictions by column; and the content of ``runner.save_metrics``: ``rows`` and
        ``seconds`` of all evaluations, ``runs`` with each checkpoint's metrics by task, and
        ``tasks`` with the metrics of the mean.

    Raises:
        UserError: a checkpoint does not fit the model, or its tasks differ in name or order.
    """
    requested = task_metrics.requested(config, source)
    requested = requested or TaskMetrics(_METRICS, config.runner("ece_bins"))
    clock, sums = Clock(), {}
    log = RunLog(clock, config.runner("print_interval"), length(source))
    column_statistics.report(source, "test data", folders[0])
    runs, rows = {}, 0
    for number, folder in enumerate(folders):
        facts = checkpoint_loading.load(session, config, folder)
        problem = checkpoint_loading.task_difference(facts, session)
        if problem:  # the mean would mix predictions of different tasks
            raise UserError(f"{folder} {problem}")
        session.start_epoch(training=False)
        log.start_epoch(number)
        predictions = Predictions(labels=True)
        batches = session.batches(source, number)
        rows += run_steps(session, batches, predictions.collecting_step(session), clock, log)
        columns = predictions.columns
        runs[folder] = requested.report(folder, columns, predictions.labels)
        for name, values in columns.items():
            sums[name] = sums.get(name, 0.0) + values.astype(np.float64)
    dtypes = {name: values.dtype for name, values in columns.items()}
    means = {name: (sums[name] / len(folders)).astype(dtype) for name, dtype in dtypes.items()}
    tasks = requested.report(f"mean of {len(folders)}", means, predictions.labels)
    return means, {"rows": rows, "seconds": clock.total(), "runs": runs, "tasks": tasks}


def checkpoint(config: Config, run: str) -> str:
    """Returns the checkpoint of a run that the ensemble evaluates.

    Args:
        config: the configuration.
        run: the run's folder of checkpoints.

    Raises:
        UserError: there is no such checkpoint, or the configuration names several.
    """
    folders = choice.to_evaluate(config.completed({"runner.infer_load_path": run}))
    if len(folders) > 1:
        reason = f"an ensemble takes one checkpoint of each run, but this selects {len(folders)}"
        raise config.error("runner.infer_end_epoch", reason)
    return next(iter(folders.values()))
