"""Evaluates during training: keeps the best checkpoint and ends training early."""

from __future__ import annotations

import logging
from collections.abc import Mapping
from typing import Any, Callable

import numpy as np

from engine.checkpoints import layout, store
from engine.config.config import Config
from engine.distributed import processes
from engine.evaluation.run_log import RunLog
from engine.evaluation.summary import Best
from engine.graphs import checkpoint_loading
from engine.graphs.session import Session
from engine.training.early_stopping import EarlyStopping
from engine.training.validation import Validation

logger = logging.getLogger(__name__)


class Stopped(Exception):  # noqa: N818  (not an error: the configuration asks for it)
    """Training ends early, inside an epoch."""


class Monitor:
    """Evaluates during training, saves the best checkpoint and decides when to stop.

    Args:
        session: the session that is trained.
        config: its configuration.
        on_evaluated: called after each evaluation; True if it is the best one so far.

    Attributes:
        found: each evaluation's metrics, by epoch and batches done.
        stopping: compares the evaluations.
        every_step: whether `after_step` has to be called.

    Raises:
        UserError: the configuration asks for something impossible.
    """

    def __init__(
        self, session: Session, config: Config, on_evaluated: Callable[[bool], None] | None = None
    ):
        self._session, self._config = session, config
        self._on_evaluated = on_evaluated
        self.found: dict[tuple[int, int], dict[str, Any]] = {}
        self._evaluated: tuple[int, int] | None = None  # epoch and batches of the last evaluation
        self._validation: Validation | None = None
        self.stopping = EarlyStopping(config)
        self._interval = config.runner("valid_interval")
        if not config.runner("valid_data_dir"):
            for name in ("early_stopping_patience", "valid_interval"):
                if config.runner(name):
                    raise config.error(f"runner.{name}", "it needs runner.valid_data_dir")
            self.every_step = False
            return
        self._validation = Validation(config, session.prefix)
        self.every_step = bool(self._interval)
        names = self._validation.metric_names
        if names or session.prefix == "rec":  # else the program's fetches are the metrics
            self.stopping.check(names)

    def start(
        self,
        log: RunLog,
        check_parameters: Callable[[int, int], None],
        facts: Callable[[], dict[str, Any]],
    ) -> None:
        """Connects the monitor with a run.

        Args:
            log: the run's log lines.
            check_parameters: raises unless all parameters are finite; takes epoch and batch.
            facts: returns what the best checkpoint records besides the evaluation.
        """
        self._log, self._check_parameters, self._more_facts = log, check_parameters, facts

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
        self.stopping.load(saved["early_stopping"])
        if same_batches:
            self._evaluated = saved.get("evaluated") and tuple(saved["evaluated"])

    def _judged_by(self) -> list:
        return [self._config.runner("valid_metric"), self._validation.rows]

    @property
    def stopped(self) -> bool:
        """Whether training has ended early."""
        return self._validation is not None and self.stopping.stopped

    @property
    def best(self) -> Best | None:
        """The best evaluation so far; None before the first one."""
        if self.stopping.best is None:
            return None
        return Best(*self.stopping.place, self.stopping.best)

    def facts(self) -> dict[str, Any]:
        """Returns what a checkpoint records."""
        if not self._validation:
            return {}
        return {
            "evaluated": self._evaluated,
            "early_stopping": self.stopping.state(),
            "judged_by": self._judged_by(),
        }

    def after_step(self, epoch_done: bool) -> None:
        """Evaluates if ``runner.valid_interval`` asks for it.

        Args:
            epoch_done: whether this was the epoch's last step; the epoch then ends as usual.

        Raises:
            Stopped: training ends here.
        """
        if self._log.batches % self._interval == 0:
            self._evaluate()
            if self.stopping.stopped and not epoch_done:
                raise Stopped

    def end_epoch(self) -> None:
        """Evaluates at the end of an epoch, unless its last step was just evaluated."""
        if self._validation:
            self._evaluate()

    def log_result(self) -> None:
        """Logs how the run ended."""
        if self.stopping.best is None:
            return
        if self.stopped:
            logger.info("stopped early: %d evaluations were no better", self.stopping.waited)
        folder = f"{self._config.runner('model_save_path')}/{layout.BEST}"
        logger.info("best evaluation: %s, saved in %s", self.stopping.describe(), folder)

    def _evaluate(self) -> None:
        place = (self._log.epoch, self._log.batches)
        if self._evaluated == place:
            return
        self._check_parameters(place[0], place[1] - 1)
        weights = self._session.evaluation_parameters()
        metrics = self._validation(weights, self._session.prefix, self._log)
        self.found[place] = metrics
        better = self.stopping.better(metrics, place)
        self._evaluated = place
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
            "valid": {name: float(each.item()) for name, each in numbers.items() if each.size == 1},
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
