"""Sets the learning rate of each training step by the configuration's schedule."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from engine.config.config import Config
from engine.graphs.session import Session
from engine.system.clock import Clock
from engine.training import schedules

_SCHEDULE = "hyper_parameters.optimizer.schedule"


class ScheduledRate:
    """Takes a session's training steps with the learning rate of a schedule.

    Args:
        session: the session to train.
        config: its configuration.
        length: batches in an epoch; None if unknown.

    Attributes:
        active: whether the learning rate ever changes.

    Raises:
        UserError: the model's optimizer has a schedule too, or the schedule is invalid.
    """

    def __init__(self, session: Session, config: Config, length: int | None):
        self._session = session
        self._schedule = schedules.create(config, length)
        self.active = self._schedule is not None
        self._steps = 0
        if self._schedule:
            if session.has_schedule:
                raise config.error(_SCHEDULE, "the model's optimizer already has a schedule")
            self._base, self._rate = session.learning_rate(), float("nan")

    def resume(self, saved: Mapping[str, Any], steps: int) -> None:
        """Continues where a checkpoint ended.

        Args:
            saved: the result of `facts`, from the checkpoint.
            steps: the steps taken so far, if the checkpoint does not record them.
        """
        self._steps = saved.get("steps", steps)
        if self._schedule and "schedule" in saved:
            self._schedule.load(saved["schedule"])

    def facts(self) -> dict[str, Any]:
        """Returns what a checkpoint records."""
        if not self._schedule:
            return {}
        return {"steps": self._steps, "schedule": self._schedule.state()}

    def step(self, batch: Any, clock: Clock, epoch: int, done: float) -> dict[str, Any]:
        """Takes a training step and returns the values that the model wants to show.

        Args:
            batch: the batch.
            clock: the run's clock.
            epoch: the step's epoch.
            done: the epoch's batches that are done.
        """
        rate = self._schedule.rate(self._base, epoch, done, self._steps)
        if rate != self._rate:
            self._session.set_learning_rate(rate)
            self._rate = rate
        self._steps += 1
        return self._session.train_step(batch, clock)

    def evaluated(self, better: bool) -> None:
        """Counts an evaluation for ``plateau``; ``better`` if it is the best one so far."""
        if self._schedule:
            self._schedule.evaluated(better)
