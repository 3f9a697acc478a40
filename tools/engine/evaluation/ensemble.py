"""Evaluates an ensemble: the mean of the predictions of several checkpoints."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from engine.checkpoints import choice
from engine.config.config import Config
from engine.data import column_statistics
from engine.data.sources import Source, length
from engine.distributed import processes
from engine.evaluation import task_metrics
from engine.evaluation.label_presence import LabelPresence
from engine.evaluation.predictions import Predictions
from engine.evaluation.progress import RunLog
from engine.evaluation.steps import run_steps
from engine.evaluation.task_metrics import TaskMetrics
from engine.graphs import checkpoint_loading
from engine.graphs.session import Session
from engine.system.clock import Clock
from engine.system.errors import UserError


def evaluate(
    session: Session, config: Config, source: Source, folders: Sequence[str]
) -> tuple[Mapping[str, np.ndarray], dict[str, Any]]:
    """Logs the metrics of each checkpoint, and those of their mean prediction.

    The mean is that of class probabilities, or of the numbers that a regression predicts.

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
    facts = session.task_facts()
    requested = requested or TaskMetrics(task_metrics.main_names(facts), warns=False)
    clock, sums = Clock(), {}
    log = RunLog(clock, config.runner("print_interval"), length(source))
    column_statistics.report(source, "test data", folders[0])
    runs, rows = {}, 0
    for number, folder in enumerate(folders):
        saved = checkpoint_loading.load(session, config, folder)
        problem = checkpoint_loading.task_difference(saved, session)
        if problem:  # the mean would mix predictions of different tasks
            raise UserError(f"{folder} {problem}")
        session.start_epoch(training=False)
        log.start_epoch(number)
        predictions = Predictions(labels=True, weights=requested.weighted)
        labels = LabelPresence(session, processes.current())
        step = labels.noting(predictions.collecting_step(session))
        batches = session.batches(source, number)
        rows += run_steps(session, batches, step, clock, log, select=labels.evaluated)
        columns = predictions.columns
        if not number:
            labels.log()
        given = predictions.labels, predictions.weights, facts
        runs[folder] = requested.report(folder, columns, *given)
        for name, values in columns.items():
            sums[name] = sums.get(name, 0.0) + values.astype(np.float64)
    dtypes = {name: values.dtype for name, values in columns.items()}
    means = {name: (sums[name] / len(folders)).astype(dtype) for name, dtype in dtypes.items()}
    tasks = requested.report(f"mean of {len(folders)}", means, *given)
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
