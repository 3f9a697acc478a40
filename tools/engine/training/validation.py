"""Evaluates the trained parameters on validation rows without changing the training."""

from __future__ import annotations

import time
from collections.abc import Mapping
from typing import Any

from engine.config.config import Config
from engine.data import sources
from engine.distributed import processes
from engine.evaluation.progress import RunLog
from engine.evaluation.undefined_metrics import UndefinedMetrics
from engine.graphs.opening import graph_of, open_session
from engine.model_folder import seeds
from engine.system import interrupts
from engine.system.clock import Clock
from engine.training import validation_metric
from engine.training.early_stopping import MEAN


class Validation:
    """Evaluates parameters on the rows of ``runner.valid_data_dir``.

    A second session evaluates copies of the parameters, which costs their memory. The trained
    session's metrics, dropout and mode do not change, nor do the random generators.

    Args:
        config: the configuration.
        prefix: the checkpoint prefix of the trained session; the graph is the same.

    Attributes:
        source: the validation batches.

    Raises:
        UserError: the rows cannot be read.
    """

    def __init__(self, config: Config, prefix: str):
        with processes.current().main_process_first():  # it parses the files for all processes
            self.source = sources.validation_source(config)
        with seeds.restored_state():
            self._session = open_session(config, graph_of(prefix), training=False)
            self._metric = validation_metric.requested(config, self._session, self.source)
        left_out = "; the mean leaves it out" if config.runner("valid_metric") == MEAN else ""
        self._undefined = UndefinedMetrics(left_out)

    @property
    def rows(self) -> int | None:
        """The number of rows; None if the reader does not know it."""
        return getattr(self.source, "rows", None)

    @property
    def metric_names(self) -> list[str]:
        """The metrics' names; empty if a program's fetches are the metrics."""
        return self._session.metric_names

    @property
    def typed(self) -> bool:
        """Whether the tasks declare their types; a folder written for PaddleRec has none."""
        return self._session.task_facts() is not None

    @property
    def computed_name(self) -> str | None:
        """The metric that is computed because ``runner.valid_metric`` names it; None for none."""
        return self._metric.name if self._metric else None

    def __call__(self, parameters: Mapping[str, Any], prefix: str, log: RunLog) -> dict[str, Any]:
        """Evaluates parameters on all rows; logs and returns the metrics, NaN if undefined.

        Args:
            parameters: the parameters by the names that checkpoints ``<prefix>.pdparams`` use.
            prefix: the prefix of these checkpoints.
            log: the run's log lines.

        Raises:
            Interrupted: a signal arrived; the evaluation is not complete.
        """
        began, session = time.perf_counter(), self._session
        with seeds.restored_state():
            session.load(session.select_parameters(parameters, prefix), prefix)
            session.start_epoch(training=False)
            clock = Clock()
            if self._metric:
                self._metric.reset()
            for batch, rows in session.batches(self.source, 0):
                shown = {} if batch is None else session.infer_step(batch, clock)
                if self._metric:
                    self._metric.add(session, batch, rows, shown)
                interrupts.check()
            metrics = session.metrics()
            if self._metric:
                metrics = {**metrics, **self._metric.result()}
        log.validation(metrics, time.perf_counter() - began)
        return self._undefined.warn(session, metrics)
