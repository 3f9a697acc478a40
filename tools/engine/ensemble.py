"""Several trainings of a model, evaluated as one: the mean of what they predict."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from engine import chosen, cli, row_metrics
from engine.config import Config
from engine.errors import UserError
from engine.row_metrics import RowMetrics

logger = logging.getLogger(__name__)

_METRICS = ["auc", "logloss"]  # if runner.metrics is not set


def main(description: str) -> None:
    """Runs the command ``tools/ensemble.py``."""
    parser = cli.parser(description)
    parser.add_argument(
        "--runs", nargs="+", required=True, metavar="FOLDER", help="folders of checkpoints"
    )
    arguments = parser.parse_args()
    runs = [os.path.abspath(os.path.expanduser(run)) for run in arguments.runs]
    if len(runs) < 2 or len(set(runs)) < len(runs):
        raise UserError("--runs: expected at least two folders, each once")
    arguments.opt.append(f"runner.infer_load_path={runs[0]}")  # its vocabulary is everybody's
    from engine import learned, loop, predictions, sessions

    config = cli.read_config(arguments, learned.to_evaluate)
    folders = [_checkpoint(config, run) for run in runs]
    if config.runner("save_predictions"):
        predictions.check(config.runner("save_predictions"))
    source = loop.test_source(config)
    session = sessions.open_session(config, "dygraph", training=False)
    means = evaluate(session, config, source, folders)
    if config.runner("save_predictions"):
        predictions.write(config.runner("save_predictions"), means)


def evaluate(
    session: Any, config: Config, source: Any, folders: Sequence[str]
) -> Mapping[str, np.ndarray]:
    """Logs what each checkpoint is worth, and their mean; returns the means, a column a task.

    Args:
        session: of the model, in dygraph.
        config: the configuration.
        source: the evaluation batches.
        folders: the checkpoints.

    Raises:
        UserError: a checkpoint does not fit.
    """
    from engine import loop
    from engine.clock import Clock
    from engine.predictions import Predictions
    from engine.report import Report
    from engine.resume import length

    asked = row_metrics.asked(config, source)
    asked = asked or RowMetrics(_METRICS, config.runner("ece_bins"))
    clock, sums = Clock(), {}
    report = Report(clock, config.runner("print_interval"), length(source), None)
    for number, folder in enumerate(folders):
        loop.load(session, config, folder)
        session.start_epoch(training=False)
        report.start_epoch(number)
        kept = Predictions(labels=True)
        batches = session.batches(source, number)
        loop.visit(session, batches, kept.around(session), clock, report)
        asked.report(folder, kept.columns, kept.labels)
        for name, values in kept.columns.items():
            sums[name] = sums.get(name, 0.0) + values.astype(np.float64)
    kinds = {name: values.dtype for name, values in kept.columns.items()}
    means = {name: (sums[name] / len(folders)).astype(kind) for name, kind in kinds.items()}
    asked.report(f"mean of {len(folders)}", means, kept.labels)
    return means


def _checkpoint(config: Config, run: str) -> str:
    """Returns the checkpoint of a run that is evaluated."""
    found = chosen.folders(config.completed({"runner.infer_load_path": run}))
    if len(found) > 1:
        raise config.error(
            "runner.infer_end_epoch",
            f"an ensemble takes one checkpoint of each run, and {len(found)} are evaluated",
        )
    return next(iter(found.values()))
