"""Evaluates during training: keeps the best checkpoint and ends training early."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Callable

import numpy as np

from engine.checkpoints import layout, store
from engine.config.config import Config
from engine.data.sources import Source
from engine.distributed import processes
from engine.evaluation.progress import RunLog
from engine.evaluation.summary import Best
from engine.graphs import checkpoint_loading
from engine.graphs.session import Session
from engine.system import logs
from engine.training.early_stopping import EarlyStopping
from engine.training.validation import Validation

logger = logging.getLogger(__name__)


class Stopped(Exception):  # noqa: N818  (early stopping is no error)
    """Training ends early, inside an epoch."""


class Monitor:
    """Evaluates during training, saves the best checkpoint and decides when to stop.

    Args:
        session: the session that is trained.
        config: its configuration.
        on_evaluated: called after each evaluation; True if it is the best one so far.

    Attributes:
        evaluations: each evaluation's metrics, by epoch and batches done.
        early_stopping: compares the evaluations.
        every_step: whether `after_step` has to be called.
        evaluating: whether an evaluation is running, or has failed.

    Raises:
        UserError: a key about evaluation is invalid, or validation data cannot be read.
    """

    def __init__(
        self, session: Session, config: Config, on_evaluated: Callable[[bool], None] | None = None
    ):
        self._session, self._config = session, config
        self._on_evaluated = on_evaluated
        self.evaluations: dict[tuple[int, int], dict[str, Any]] = {}
        self.evaluating = False
        self._evaluated: tuple[int, int] | None = None  # epoch and batches of the last evaluation
        self._validation: Validation | None = None
        self.early_stopping = EarlyStopping(config)
        self._interval = config.runner("valid_interval")
        if not config.runner("valid_data_dir"):
            self.every_step = False
            return
        self._validation = Validation(config, session.prefix)
        self.every_step = bool(self._interval)
        self.early_stopping.typed = self._validation.typed
        names = self._validation.metric_names
        if names or session.prefix == "rec":  # else the program's fetches are the metrics
            self.early_stopping.check(names, self._validation.computed_name)

    @property
    def validation_source(self) -> Source | None:
        """The validation batches; None without any."""
        return self._validation.source if self._validation else None

    def start(
        self,
        log: RunLog,
        check_finite: Callable[[], None],
        facts: Callable[[], dict[str, Any]],
    ) -> None:
        """Connects the monitor with a run.

        Args:
            log: the run's log lines.
            check_finite: raises an error if a loss or a parameter is NaN or infinite.
            facts: returns what the best checkpoint records besides the evaluation.
        """
        self._log, self._check_finite, self._more_facts = log, check_finite, facts

    def resume(self, saved: Mapping[str, Any], same_batches: bool) -> None:
        """Continues where a checkpoint ended.

        Args:
            saved: the result of `facts`, from the checkpoint.
            same_batches: whether this run's batches are those of the run that saved it.
        """
        if not self._validation or "early_stopping" not in saved:
            return
        if saved.get("judged_by") != self._judged_by():
            logger.info("early stopping starts again: the metric or the validation rows changed")
            return
        self.early_stopping.load(saved["early_stopping"])
        if same_batches:
            self._evaluated = saved.get("evaluated") and tuple(saved["evaluated"])

    def _judged_by(self) -> list:
        return [self._config.runner("valid_metric"), self._validation.rows]

    @property
    def stopped(self) -> bool:
        """Whether training has ended early."""
        return self._validation is not None and self.early_stopping.stopped

    @property
    def best(self) -> Best | None:
        """The best evaluation so far; None before the first one."""
        if self.early_stopping.best is None:
            return None
        return Best(*self.early_stopping.place, self.early_stopping.best)

    def facts(self) -> dict[str, Any]:
        """Returns what a checkpoint records."""
        if not self._validation:
            return {}
        return {
            "evaluated": self._evaluated,
            "early_stopping": self.early_stopping.state(),
            "judged_by": self._judged_by(),
        }

    def after_step(self, epoch_done: bool) -> None:
        """Evaluates after every ``runner.valid_interval`` batches.

        Args:
            epoch_done: whether this was the epoch's last step. If so, the epoch ends as usual.

        Raises:
            Stopped: training ends here.
        """
        if self._log.batches % self._interval == 0:
            self._evaluate()
            if self.stopped and not epoch_done:
                raise Stopped

    def end_epoch(self) -> None:
        """Evaluates at the end of an epoch, unless its last step was just evaluated."""
        if self._validation:
            self._evaluate()

    def log_result(self) -> None:
        """Logs how the run ended."""
        if self.early_stopping.best is None:
            if self.evaluations:
                logger.warning("no best checkpoint: no evaluation has a defined metric")
            return
        if self.stopped:
            logger.info("stopped early: %d evaluations were no better", self.early_stopping.waited)
        folder = f"{self._config.runner('model_save_path')}/{layout.BEST}"
        best = self.early_stopping.describe()
        logger.info("best evaluation: %s, saved in %s", best, folder, extra=logs.RESULT)

    def _evaluate(self) -> None:
        place = (self._log.epoch, self._log.batches)
        if self._evaluated == place:
            return
        self._check_finite()
        self.evaluating = True
        parameters = self._session.evaluation_parameters()
        metrics = self._validation(parameters, self._session.prefix, self._log)
        self.evaluations[place] = metrics
        better = self.early_stopping.update(metrics, place)
        self._evaluated, self.evaluating = place, False
        if self._on_evaluated:
            self._on_evaluated(better)
        if better:
            processes.current().on_main_process(lambda: self._save(place, metrics))

    def _save(self, place: tuple[int, int], metrics: Mapping[str, Any]) -> None:
        session, config = self._session, self._config
        numbers = {name: np.asarray(value) for name, value in metrics.items()}
        about = {
            **checkpoint_loading.facts(session, config),
            **self._more_facts(),
            "valid": {name: each.item() for name, each in numbers.items() if _is_defined(each)},
        }
        store.save(
            config.runner("model_save_path"),
            place[0],
            session.prefix,
            session.state(),
            about,
            session.export,
            name=layout.BEST,
            form=config.runner("checkpoint_format"),
        )


def _is_defined(value: np.ndarray) -> bool:
    return value.size == 1 and not np.isnan(value).any()
