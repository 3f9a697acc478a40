"""The learning rate as a function of the step, the same in both graphs and after a resume."""

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
_CLOSE = 1e-9  # of epochs, which are sums of fractions

# What gives a schedule its shape.
_USED = {
    "step": ("step_size", "milestones", "gamma"),
    "cosine": ("schedule_length",),
    "exponential": ("gamma",),
    "plateau": ("gamma", "plateau_patience"),
}
_SHAPE = tuple(dict.fromkeys(name for names in _USED.values() for name in names))


def of(config: Config, length: int | None) -> Schedule | None:
    """Returns the schedule of ``hyper_parameters.optimizer``; None if the rate stays as it is.

    Args:
        config: the configuration.
        length: batches in an epoch, or None if that is not known.

    Raises:
        UserError: a value is bad, or one is missing.
    """
    made = Schedule(config, length)
    return made if made.changes else None


class Schedule:
    """A learning rate that changes from step to step.

    First it may rise to the base rate, in equal steps (``warmup_steps`` or ``warmup_epochs``).
    Then, at a time t that ``schedule_by`` counts in epochs, fractions included, or in steps, and
    with t0 the end of the warm-up, it is at least ``minimum_rate`` and

    - constant: base
    - step: base * gamma ^ (t // step_size), or gamma to the number of ``milestones`` passed
    - cosine: from base at t0 to the minimum at ``schedule_length`` by half a cosine (Loshchilov
      and Hutter 2017, https://arxiv.org/abs/1608.03983, equation 5, without restarts)
    - exponential: base * gamma ^ (t - t0)
    - plateau: base * gamma ^ n, where n counts how often ``plateau_patience`` evaluations in a row
      were no better

    Args:
        config: the configuration.
        length: batches in an epoch, or None if that is not known.
    """

    def __init__(self, config: Config, length: int | None):
        self._config = config
        self.name = self._choice("schedule", NAMES)
        self._in_steps = self._choice("schedule_by", ("epoch", "step")) == "step"
        self._warmup_steps = self._number("warmup_steps", 0, whole=True)
        self._warmup_epochs = self._number("warmup_epochs", 0.0)
        self._least = self._number("minimum_rate", 0.0)
        self._patience = self._number("plateau_patience", 2, above=0, whole=True)
        self._length = length
        self._reductions = self._waited = 0
        if self._warmup_steps and self._warmup_epochs:
            raise self._error("warmup_epochs", "warmup_steps is set, too: choose one")
        if length is None and (self._warmup_epochs or self._counts_epochs()):
            name = "warmup_epochs" if self._warmup_epochs else "schedule_by"
            reason = "the reader does not say how many rows there are: count in steps"
            raise self._error(name, reason)
        for name in _SHAPE:
            if config.get(_KEY + name) is not None and name not in _USED.get(self.name, ()):
                raise self._error(name, f"schedule = {self.name} does not use it")
        self._start = self._in_own_unit()
        self._read_shape()

    def _counts_epochs(self) -> bool:
        return self.name in ("step", "cosine", "exponential") and not self._in_steps

    def _in_own_unit(self) -> float:
        """Returns the end of the warm-up in what the schedule counts."""
        if self.name in ("constant", "plateau"):
            return 0.0
        if self._in_steps:
            return self._warmup_steps or self._warmup_epochs * (self._length or 0)
        return self._warmup_epochs or self._warmup_steps / self._length

    def _read_shape(self) -> None:
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
            if self._milestones is not None and not _rising(self._milestones):
                raise self._error("milestones", "expected a list of numbers, each larger")
        if self.name == "cosine":
            default = None if self._in_steps else self._config.runner("epochs")
            self._end = self._number("schedule_length", default, above=0)
            if self._end is None:
                raise self._error("schedule_length", "schedule = cosine by step needs it")
            if self._end <= self._start:
                raise self._error("schedule_length", f"the warm-up lasts until {self._start:g}")
        if self.name == "plateau" and not self._config.runner("valid_data_dir"):
            raise self._error("schedule", "it needs evaluations: runner.valid_data_dir")

    @property
    def changes(self) -> bool:
        """Whether the rate is ever another than the base rate."""
        return self.name != "constant" or bool(self._warmup_steps or self._warmup_epochs)

    def rate(self, base: float, epoch: int, batch: float, step: int) -> float:
        """Returns a step's learning rate.

        Args:
            base: the optimizer's ``learning_rate``.
            epoch: of the step.
            batch: how many of the epoch's are done; no whole number where other processes, of
                other batches, have begun the epoch.
            step: its number in the training.
        """
        epochs = epoch + batch / self._length if self._length else 0.0
        if step < self._warmup_steps:
            return base * (step + 1) / self._warmup_steps
        if self._warmup_epochs and epochs < self._warmup_epochs - _CLOSE:
            return base * min(1.0, (epochs + 1 / self._length) / self._warmup_epochs)
        now = step if self._in_steps else epochs
        return max(self._least, base * self._factor(now, base))

    def _factor(self, now: float, base: float) -> float:
        if self.name == "step" and self._milestones is not None:
            return self._gamma ** bisect.bisect_right(self._milestones, now + _CLOSE)
        if self.name == "step":
            return self._gamma ** math.floor(now / self._size + _CLOSE)
        if self.name == "exponential":
            return self._gamma ** (now - self._start)
        if self.name == "plateau":
            return self._gamma**self._reductions
        if self.name == "cosine":
            done = min(1.0, (now - self._start) / (self._end - self._start))
            least = min(1.0, self._least / base)
            return least + (1 - least) * 0.5 * (1 + math.cos(math.pi * done))
        return 1.0

    def evaluated(self, better: bool) -> None:
        """Counts an evaluation, which was the best one so far or was not."""
        self._waited = 0 if better else self._waited + 1
        if self.name == "plateau" and self._waited >= self._patience:
            self._reductions, self._waited = self._reductions + 1, 0
            logger.info("plateau: the learning rate times %g from here on", self._gamma)

    def state(self) -> dict[str, int]:
        """Returns what a checkpoint keeps of it."""
        return {"reductions": self._reductions, "waited": self._waited}

    def load(self, state: Mapping[str, int]) -> None:
        """Takes up what `state` returned."""
        self._reductions, self._waited = state["reductions"], state["waited"]

    def _choice(self, name: str, known: tuple[str, ...]) -> str:
        value = self._config.get(_KEY + name) or known[0]
        if value not in known:
            raise self._error(name, f"expected one of {', '.join(known)}")
        return value

    def _number(self, name: str, default: Any, above: float = -1, whole: bool = False) -> Any:
        value = self._config.get(_KEY + name)
        if value is None:
            return default
        kinds = (int,) if whole else (int, float)
        bound = "more than 0" if above == 0 else "at least 0"
        fits = type(value) in kinds and above < value < 1e18 and value >= 0
        if not fits:
            raise self._error(name, f"expected {'an integer' if whole else 'a number'}, {bound}")
        return value

    def _error(self, name: str, problem: str) -> UserError:
        return self._config.error(_KEY + name, problem)


def _rising(values: Any) -> bool:
    if not isinstance(values, list) or not values:
        return False
    if not all(type(value) in (int, float) and value > 0 for value in values):
        return False
    return all(one < other for one, other in zip(values, values[1:]))
