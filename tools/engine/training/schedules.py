"""Learning-rate schedules: the rate depends only on the position in the training."""

from __future__ import annotations

import bisect
import logging
import math
from collections.abc import Mapping
from typing import Any

from engine.config.config import Config
from engine.system.errors import UserError

logger = logging.getLogger(__name__)

NAMES = ("constant", "step", "cosine", "exponential", "plateau")
_KEY = "hyper_parameters.optimizer."
_TOLERANCE = 1e-9  # in epochs, for rounding errors of their fractions

_KEYS = {  # of each schedule; those of the warm-up and minimum_rate belong to all
    "step": ("step_size", "milestones", "gamma"),
    "cosine": ("schedule_length",),
    "exponential": ("gamma",),
    "plateau": ("gamma", "plateau_patience"),
}
_NEEDING_ONE = {"minimum_rate": 0.0, "schedule_by": "epoch"}  # without effect if constant
_ALL_KEYS = tuple(dict.fromkeys(name for names in _KEYS.values() for name in names))


def create(config: Config, length: int | None) -> Schedule | None:
    """Returns the schedule of ``hyper_parameters.optimizer``; None if the rate is constant.

    Args:
        config: the configuration.
        length: batches in an epoch; None if unknown.

    Raises:
        UserError: a value is invalid or missing.
    """
    schedule = Schedule(config, length)
    return schedule if schedule.changes else None


class Schedule:
    """A learning rate that changes from step to step.

    In the warm-up (``warmup_steps`` or ``warmup_epochs``) it rises to the base rate in equal steps.
    Afterwards it is never below ``minimum_rate``. Time t is counted in epochs, with fractions, or
    in steps (``schedule_by``); t0 is the end of the warm-up. The rate at time t is

    - constant: base
    - step: base * gamma ^ (t // step_size), or gamma to the number of ``milestones`` passed
    - cosine: from base at t0 to the minimum at ``schedule_length`` by half a cosine (Loshchilov
      and Hutter 2017, https://arxiv.org/abs/1608.03983, equation 5, without restarts)
    - exponential: base * gamma ^ (t - t0)
    - plateau: base * gamma ^ n; n increases when ``plateau_patience`` evaluations in a row are no
      better

    Args:
        config: the configuration.
        length: batches in an epoch; None if unknown.
    """

    def __init__(self, config: Config, length: int | None):
        self._config = config
        self.name = self._choice("schedule", NAMES)
        self._in_steps = self._choice("schedule_by", ("epoch", "step")) == "step"
        self._warmup_steps = self._number("warmup_steps", 0, integer=True)
        self._warmup_epochs = self._number("warmup_epochs", 0.0)
        self._minimum = self._number("minimum_rate", 0.0)
        self._patience = self._number("plateau_patience", 2, above=0, integer=True)
        self._length = length
        self._reductions = self._waited = 0
        if self._warmup_steps and self._warmup_epochs:
            raise self._error("warmup_epochs", "warmup_steps is set, too: set only one of them")
        if length is None and (self._warmup_epochs or self._counts_epochs()):
            name = "warmup_epochs" if self._warmup_epochs else "schedule_by"
            reason = "the reader has no number of rows: count in steps"
            raise self._error(name, reason)
        for name in _ALL_KEYS:
            if config.get(_KEY + name) is not None and name not in _KEYS.get(self.name, ()):
                raise self._error(name, f"schedule = {self.name} does not use it")
        for name, default in _NEEDING_ONE.items():
            if self.name == "constant" and config.get(_KEY + name) not in (None, default):
                raise self._error(name, "schedule = constant does not use it")
        if self.name == "plateau" and self._in_steps:
            raise self._error("schedule_by", "schedule = plateau counts evaluations")
        self._start = self._end_of_warmup()
        self._read_keys()

    def _counts_epochs(self) -> bool:
        return self.name in ("step", "cosine", "exponential") and not self._in_steps

    def _end_of_warmup(self) -> float:
        """Returns the end of the warm-up in the schedule's unit, epochs or steps."""
        if self.name in ("constant", "plateau"):
            return 0.0
        if self._in_steps:
            return self._warmup_steps or self._warmup_epochs * (self._length or 0)
        return self._warmup_epochs or self._warmup_steps / self._length

    def _read_keys(self) -> None:
        get = self._config.get
        if self.name == "exponential" and get(f"{_KEY}gamma") is None:
            raise self._error("gamma", "schedule = exponential needs it")
        self._gamma = self._number("gamma", 0.1, above=0)
        if self._gamma > 1:
            raise self._error("gamma", "expected a number of at most 1")
        if self.name == "step":
            self._milestones = get(f"{_KEY}milestones")
            self._size = self._number("step_size", None, above=0)
            if (self._milestones is None) == (self._size is None):
                raise self._error("step_size", "schedule = step needs it, or milestones")
            if self._milestones is not None and not _is_increasing(self._milestones):
                raise self._error("milestones", "expected an increasing list of positive numbers")
        if self.name == "cosine":
            default = None if self._in_steps else self._config.runner("epochs")
            self._end = self._number("schedule_length", default, above=0)
            if self._end is None:
                raise self._error("schedule_length", "schedule = cosine by step needs it")
            if self._end <= self._start:
                raise self._error("schedule_length", f"the warm-up lasts until {self._start:g}")
        if self.name == "plateau" and not self._config.runner("valid_data_dir"):
            raise self._error("schedule", "it needs evaluations: set runner.valid_data_dir")

    @property
    def changes(self) -> bool:
        """Whether the rate ever differs from the base rate."""
        return self.name != "constant" or bool(self._warmup_steps or self._warmup_epochs)

    def rate(self, base: float, epoch: int, batch: float, step: int) -> float:
        """Returns a step's learning rate.

        Args:
            base: the optimizer's ``learning_rate``.
            epoch: the step's epoch.
            batch: the epoch's batches that are done; a fraction if the run resumed inside the
                epoch with another number of processes.
            step: the steps of the run that are done.
        """
        epochs = epoch + batch / self._length if self._length else 0.0
        if step < self._warmup_steps:
            return base * (step + 1) / self._warmup_steps
        if self._warmup_epochs and epochs < self._warmup_epochs - _TOLERANCE:
            return base * min(1.0, (epochs + 1 / self._length) / self._warmup_epochs)
        now = step if self._in_steps else epochs
        return max(self._minimum, base * self._factor(now, base))

    def _factor(self, now: float, base: float) -> float:
        if self.name == "step" and self._milestones is not None:
            return self._gamma ** bisect.bisect_right(self._milestones, now + _TOLERANCE)
        if self.name == "step":
            return self._gamma ** math.floor(now / self._size + _TOLERANCE)
        if self.name == "exponential":
            return self._gamma ** (now - self._start)
        if self.name == "plateau":
            return self._gamma**self._reductions
        if self.name == "cosine":
            done = min(1.0, (now - self._start) / (self._end - self._start))
            minimum = min(1.0, self._minimum / base)
            return minimum + (1 - minimum) * 0.5 * (1 + math.cos(math.pi * done))
        return 1.0

    def evaluated(self, better: bool) -> None:
        """Counts an evaluation; ``better`` if it is the best one so far."""
        self._waited = 0 if better else self._waited + 1
        if self.name == "plateau" and self._waited >= self._patience:
            self._reductions, self._waited = self._reductions + 1, 0
            logger.info("plateau: the learning rate is now multiplied by %g", self._gamma)

    def state(self) -> dict[str, int]:
        """Returns the content for a checkpoint."""
        return {"reductions": self._reductions, "waited": self._waited}

    def load(self, state: Mapping[str, int]) -> None:
        """Restores the result of `state`."""
        self._reductions, self._waited = state["reductions"], state["waited"]

    def _choice(self, name: str, known: tuple[str, ...]) -> str:
        value = self._config.get(_KEY + name)
        value = known[0] if value is None else value
        if value not in known:
            raise self._error(name, f"expected one of {', '.join(known)}")
        return value

    def _number(self, name: str, default: Any, above: float = -1, integer: bool = False) -> Any:
        value = self._config.get(_KEY + name)
        if value is None:
            return default
        kinds = (int,) if integer else (int, float)
        bound = "more than 0" if above == 0 else "at least 0"
        fits = type(value) in kinds and above < value < 1e18 and value >= 0
        if not fits:
            raise self._error(name, f"expected {'an integer' if integer else 'a number'}, {bound}")
        return value

    def _error(self, name: str, problem: str) -> UserError:
        return self._config.error(_KEY + name, problem)


def _is_increasing(values: Any) -> bool:
    if not isinstance(values, list) or not values:
        return False
    if not all(type(value) in (int, float) and value > 0 for value in values):
        return False
    return all(left < right for left, right in zip(values, values[1:]))
