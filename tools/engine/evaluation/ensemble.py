"""Several trainings of a model, evaluated as one: the mean of what they predict."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from engine import command_line
from engine.checkpoints import choice
from engine.config.config import Config
from engine.evaluation import task_metrics
from engine.evaluation.task_metrics import RowMetrics
from engine.system.errors import UserError

logger = logging.getLogger(__name__)

_METRICS = ["auc", "logloss"]  # if runner.metrics is not set


def main(description: str) -> None:
    """Runs the command ``tools/ensemble.py``."""
    parser = command_line.parser(description)
    parser.add_argument(
        "--runs", nargs="+", required=True, metavar="FOLDER", help="folders of checkpoints"
    )
    arguments = parser.parse_args()
    runs = [os.path.abspath(os.path.expanduser(run)) for run in arguments.runs]
    if len(runs) < 2 or len(set(runs)) < len(runs):
        raise UserError("--runs: expected at least two folders, each once")
    arguments.opt.append(f"runner.infer_load_path={runs[0]}")  # its vocabulary is everybody's
    from engine.data import encoding
    from engine.evaluation import measurements, predictions
    from engine.graphs import opening
    from engine.training import loop

    config = command_line.read_config(arguments, encoding.to_evaluate)
    folders = [_checkpoint(config, run) for run in runs]
    if config.runner("save_predictions"):
        predictions.check(config.runner("save_predictions"))
    measurements.check(config)
    source = loop.test_source(config)
    session = opening.open_session(config, "dygraph", training=False)
    means, figures = evaluate(session, config, source, folders)
    if config.runner("save_predictions"):
        predictions.write(config.runner("save_predictions"), means)
    if config.runner("save_metrics"):
        found = {**measurements.about(config, session, "ensemble"), **figures}
        measurements.write(config.runner("save_metrics"), found)


def evaluate(
    session: Any, config: Config, source: Any, folders: Sequence[str]
) -> tuple[Mapping[str, np.ndarray], dict[str, Any]]:
    """Logs what each checkpoint is worth, and their mean.

    Args:
        session: of the model, in dygraph.
        config: the configuration.
        source: the evaluation batches.
        folders: the checkpoints.

    Returns:
        The means, a column a task; and what ``runner.save_metrics`` writes: ``rows`` and
        ``seconds`` of all evaluations, figures by task of each of the ``runs`` and, as ``tasks``,
        of the means.

    Raises:
        UserError: a checkpoint does not fit, or its tasks are others or in another order.
    """
    from engine.evaluation.log_lines import Report
    from engine.evaluation.predictions import Predictions
    from engine.system.clock import Clock
    from engine.training import loop, resume
    from engine.training.resume import length

    asked = task_metrics.asked(config, source)
    asked = asked or RowMetrics(_METRICS, config.runner("ece_bins"))
    clock, sums = Clock(), {}
    report = Report(clock, config.runner("print_interval"), length(source), None)
    runs, rows = {}, 0
    for number, folder in enumerate(folders):
        problem = resume.other_tasks(loop.load(session, config, folder), session)
        if problem:  # the mean would be of predictions of different things
            raise UserError(f"{folder} {problem}")
        session.start_epoch(training=False)
        report.start_epoch(number)
        kept = Predictions(labels=True)
        batches = session.batches(source, number)
        rows += loop.visit(session, batches, kept.around(session), clock, report)
        runs[folder] = asked.report(folder, kept.columns, kept.labels)
        for name, values in kept.columns.items():
            sums[name] = sums.get(name, 0.0) + values.astype(np.float64)
    kinds = {name: values.dtype for name, values in kept.columns.items()}
    means = {name: (sums[name] / len(folders)).astype(kind) for name, kind in kinds.items()}
    tasks = asked.report(f"mean of {len(folders)}", means, kept.labels)
    return means, {"rows": rows, "seconds": clock.total(), "runs": runs, "tasks": tasks}


def _checkpoint(config: Config, run: str) -> str:
    """Returns the checkpoint of a run that is evaluated."""
    found = choice.folders(config.completed({"runner.infer_load_path": run}))
    if len(found) > 1:
        raise config.error(
            "runner.infer_end_epoch",
            f"an ensemble takes one checkpoint of each run, and {len(found)} are evaluated",
        )
    return next(iter(found.values()))
