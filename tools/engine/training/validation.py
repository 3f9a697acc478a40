"""Evaluation in training: on a net of its own, so that training goes on as if it had not been."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from engine.config.config import Config
from engine.data import sources
from engine.distributed import processes
from engine.evaluation.run_log import RunLog
from engine.evaluation.undefined_metrics import UndefinedMetrics
from engine.graphs.opening import graph_of, open_session
from engine.model_folder import seeds
from engine.system import interrupts
from engine.system.clock import Clock


class Validation:
    """Evaluates what is trained on the rows of ``runner.valid_data_dir``.

    A second session takes copies of the parameters: the trained one's metrics, dropout and mode
    stay what they are, at the price of the parameters' memory. Random numbers go on where they
    were.

    Args:
        config: the configuration.
        prefix: of the checkpoints of the session that is trained.

    Raises:
        UserError: the rows cannot be read.
    """

    def __init__(self, config: Config, prefix: str):
        with processes.current().main_process_first():  # it parses; the others find what it made
            self._source = sources.validation_source(config)
        with seeds.undisturbed():
            self._session = open_session(config, graph_of(prefix), training=False)
        self._undefined = UndefinedMetrics()

    @property
    def rows(self) -> int | None:
        """How many rows there are; None for a stream."""
        return getattr(self._source, "rows", None)

    @property
    def metric_names(self) -> list[str]:
        """The names of the metrics; empty where a program's fetches are the metrics."""
        return self._session.metric_names

    def __call__(self, weights: Mapping[str, Any], prefix: str, report: RunLog) -> dict[str, Any]:
        """Returns the metrics of some parameters on all rows, and logs them.

        Args:
            weights: the parameters by the names that checkpoints ``<prefix>.pdparams`` use.
            prefix: which.
            report: the run's lines.

        Raises:
            Interrupted: a signal came; the evaluation is not finished.
        """
        began, session = time.perf_counter(), self._session
        with seeds.undisturbed():
            session.load(session.select_parameters(weights, prefix), prefix)
            session.start_epoch(training=False)
            clock = Clock()
            for batch, _ in session.batches(self._source, 0):
                if batch is not None:
                    session.infer_step(batch, clock)
                interrupts.check()
            metrics = session.metrics()
        report.validation(metrics, time.perf_counter() - began)
        self._undefined.warn(session, metrics)
        return metrics
