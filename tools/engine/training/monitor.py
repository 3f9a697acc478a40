"""What is decided while a run trains: evaluation, the best checkpoint, an early end, the rate."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

from engine.checkpoints import store
from engine.config.config import Config
from engine.distributed import processes
from engine.evaluation.log_lines import Report
from engine.system.clock import Clock
from engine.training import resume, schedules
from engine.training.early_stopping import EarlyStopping
from engine.training.resume import Position
from engine.training.validation import Validation

logger = logging.getLogger(__name__)

_SCHEDULE = "hyper_parameters.optimizer.schedule"
_FACTS = "controls"  # what a checkpoint calls this


class Stopped(Exception):  # noqa: N818  (no fault: it is what was asked for)
    """Training has ended early, inside an epoch."""


class Controls:
    """Evaluates in training, keeps the best checkpoint, and says when to end.

    Args:
        session: what is trained.
        config: its configuration.
        length: batches in an epoch, or None if that is not known.

    Attributes:
        found: each evaluation's metrics, by epoch and batches done.
        stopping: which evaluation was the best one.
        step: takes a training step; returns what the model wants shown.
        after: what is to be done after each step, or None; may raise `Stopped`.

    Raises:
        UserError: the configuration asks for what cannot be done.
    """

    def __init__(self, session: Any, config: Config, length: int | None):
        self._session, self._config, self._length = session, config, length
        self.found: dict[tuple[int, int], dict[str, Any]] = {}
        self._evaluated: tuple[int, int] | None = None  # epoch and batches of the last one
        self._validation: Validation | None = None
        self.stopping = EarlyStopping(config)
        self.step: Callable[[Any, Clock], dict[str, Any]] = session.train_step
        self.after: Callable[[], None] | None = None
        self._schedule = schedules.of(config, length)
        if self._schedule:
            if session.has_schedule:
                raise config.error(_SCHEDULE, "the model's optimizer has a schedule of its own")
            self._base, self._rate = session.learning_rate(), float("nan")
            self.step = self._scheduled_step
        if config.runner("valid_data_dir"):
            self._validation = Validation(config, session.prefix)
            names = self._validation.metric_names
            if names or session.prefix == "rec":  # else they are what the program's fetches are
                self.stopping.check(names)
            self.after = self._after_step if config.runner("valid_interval") else None
        else:
            for name in ("early_stopping_patience", "valid_interval"):
                if config.runner(name):
                    raise config.error(f"runner.{name}", "it needs runner.valid_data_dir")

    def start(self, position: Position, report: Report, look: Callable[[int, int], None]) -> None:
        """Takes up where a checkpoint left off.

        Args:
            position: where training starts.
            report: the run's lines.
            look: makes sure that all parameters are numbers, after a batch of an epoch.
        """
        self._report, self._look, self._position = report, look, position
        facts = store.facts_beside(position.folder, self._session.prefix)
        known = facts.get(_FACTS, {}) if position.folder else {}
        self._steps = known.get("steps", report.steps)
        if self._schedule and "schedule" in known:
            self._schedule.load(known["schedule"])
        decay = self._config.runner("ema_decay")
        if decay and known.get("ema_decay", decay) != decay:
            reason = f"the run to resume has averages with decay {known['ema_decay']:g}"
            raise self._config.error("runner.ema_decay", reason)
        if not self._validation or "early_stopping" not in known:
            return
        if known.get("judged_by") != self._judged_by():
            logger.info("early stopping starts anew: it is judged by another metric or other rows")
            return
        self.stopping.load(known["early_stopping"])
        if position.same:  # else batches are others
            self._evaluated = known.get("evaluated") and tuple(known["evaluated"])

    def _judged_by(self) -> list:
        return [self._config.runner("valid_metric"), self._validation.rows]

    def _done(self) -> float:
        """Returns how many of the epoch's batches are done, those of other processes included."""
        position = self._position
        if not position.first_row or self._report.epoch != position.epoch:
            return self._report.batches
        size = self._config.runner("train_batch_size") * processes.current().size
        return self._report.batches + position.first_row / size

    @property
    def stopped(self) -> bool:
        """Whether training has ended early."""
        return self._validation is not None and self.stopping.stopped

    def facts(self) -> dict[str, Any]:
        """Returns what a checkpoint says of it."""
        found: dict[str, Any] = {}
        if self._schedule:
            found.update(steps=self._steps, schedule=self._schedule.state())
        if self._validation:
            found.update(evaluated=self._evaluated, early_stopping=self.stopping.state())
            found["judged_by"] = self._judged_by()
        if self._config.runner("ema_decay"):
            found["ema_decay"] = self._config.runner("ema_decay")
        return {_FACTS: found} if found else {}

    def _scheduled_step(self, batch: Any, clock: Clock) -> dict[str, Any]:
        rate = self._schedule.rate(self._base, self._report.epoch, self._done(), self._steps)
        if rate != self._rate:
            self._session.set_learning_rate(rate)
            self._rate = rate
        self._steps += 1
        return self._session.train_step(batch, clock)

    def enter(self) -> None:
        """Makes up for an evaluation that the run which is resumed did not finish."""
        if self.after and self._report.batches:
            self.after()

    def _after_step(self) -> None:
        if self._report.batches % self._config.runner("valid_interval") == 0:
            self._evaluate()
            if self.stopping.stopped and not (self._length and self._done() >= self._length):
                raise Stopped  # inside the epoch; a whole one ends as any does

    def end_epoch(self) -> None:
        """Evaluates the epoch, unless that has been done after its last step."""
        if self._validation:
            self._evaluate()

    def say(self) -> None:
        """Logs how the run has ended."""
        if self.stopping.best is None:
            return
        if self.stopped:
            logger.info("stopped early: %d evaluations were no better", self.stopping.waited)
        folder = f"{self._config.runner('model_save_path')}/{store.BEST}"
        logger.info("the best evaluation: %s, saved in %s", self.stopping.told(), folder)

    def _evaluate(self) -> None:
        place = (self._report.epoch, self._report.batches)
        if self._evaluated == place:
            return
        self._look(place[0], place[1] - 1)
        weights = self._session.weights()  # the averages, where there are any
        metrics = self._validation(weights, self._session.prefix, self._report)
        self.found[place] = metrics
        better = self.stopping.better(metrics, place)
        self._evaluated = place
        if self._schedule:
            self._schedule.evaluated(better)
        if better:
            processes.current().on_first(lambda: self._save(place, metrics))

    def _save(self, place: tuple[int, int], metrics: Mapping[str, Any]) -> None:
        session, config = self._session, self._config
        measured = {name: _number(value) for name, value in metrics.items()}
        about = {
            **resume.facts(session, config),
            **self.facts(),
            "valid": {name: value for name, value in measured.items() if value is not None},
        }
        store.save(
            config.runner("model_save_path"),
            place[0],
            session.prefix,
            session.state(),
            about,
            session.export,
            name=store.BEST,
            form=config.runner("checkpoint_format"),
        )


def _number(value: Any) -> float | None:
    return float(value.item() if hasattr(value, "item") else value) if _single(value) else None


def _single(value: Any) -> bool:
    return getattr(value, "size", 1) == 1
