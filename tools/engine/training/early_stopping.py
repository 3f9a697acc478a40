"""Which evaluation was the best one so far, and whether to wait for a better one."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.config.config import Config
from engine.system.errors import UserError, nearest

MEAN = "mean"  # of all AUCs
_LOWER = ("loss", "cost", "error", "mae", "mse")  # less is better of what is called so
_HIGHER = ("auc", "acc", "accuracy")


def lower_is_better(metric: str) -> bool:
    """Whether less of a metric is better, as of a loss; the words of its name tell."""
    words = re.findall("[a-z]+", metric.lower())
    if any(word.endswith(_HIGHER) for word in words):
        return False
    return any(word.endswith(_LOWER) for word in words)


def meant(metrics: Mapping[str, Any]) -> list[str]:
    """Returns the names of the metrics that `MEAN` is the mean of: AUCs, or all without one."""
    return [name for name in metrics if "auc" in name.lower()] or list(metrics)


class EarlyStopping:
    """Compares evaluations by ``runner.valid_metric``.

    Args:
        config: the configuration.

    Attributes:
        value: that of the last evaluation; None before the first.
        best: the best value so far; None before the first evaluation.
        place: epoch and batches done of the best evaluation.
        waited: how many evaluations have been no better since.
    """

    def __init__(self, config: Config):
        self._config = config
        self._metric = config.runner("valid_metric")
        self._patience = config.runner("early_stopping_patience")
        self._least = float(config.runner("early_stopping_min_delta"))
        self._lower = lower_is_better(self._metric)
        self.value: float | None = None
        self.best: float | None = None
        self.place = (0, 0)
        self.waited = 0

    @property
    def stopped(self) -> bool:
        """Whether no better evaluation is waited for."""
        return self._patience is not None and self.waited >= self._patience

    def check(self, names: list[str]) -> None:
        """Makes sure, before anything is trained, that there is such a metric.

        Args:
            names: of the model's metrics.

        Raises:
            UserError: there is none.
        """
        self._value(dict.fromkeys(names, 0.0))

    def better(self, metrics: Mapping[str, Any], place: tuple[int, int]) -> bool:
        """Counts an evaluation; True if it is the best one so far.

        Raises:
            UserError: the metric is not there, or is nan and was never anything else.
        """
        self.value = value = self._value(metrics)
        if np.isnan(value) and self.best is None:
            undefined = [name for name, each in metrics.items() if _is_nan(each)]
            reason = f"{', '.join(undefined)} is nan on the rows of runner.valid_data_dir"
            raise self._error(f"{reason}: choose another metric")
        gain = self._gain(value)
        if gain > self._least or self.best is None:
            self.best, self.place, self.waited = value, place, 0
            return True
        self.waited += 1
        return False

    def _gain(self, value: float) -> float:
        if self.best is None or np.isnan(value):
            return 0.0
        return self.best - value if self._lower else value - self.best

    def _value(self, metrics: Mapping[str, Any]) -> float:
        if not metrics:
            reason = "the model has no metric that could tell which evaluation is the best"
            raise self._error(reason)
        single = {name: each for name, each in metrics.items() if np.size(each) == 1}
        if self._metric == MEAN:
            chosen = meant(single)
            losses = [name for name in chosen if lower_is_better(name)]
            if losses:
                raise self._error(f"less of {', '.join(losses)} is better: name one metric")
        else:
            chosen = [name for name in single if name == self._metric]
        if not chosen:
            known = ", ".join([MEAN, *single])
            problem = f"expected one of {known}{nearest(self._metric, single)}"
            raise self._error(problem)
        return float(np.mean([np.asarray(single[name]).item() for name in chosen]))

    def _error(self, problem: str) -> UserError:
        key = "runner.valid_metric"  # which may have its default
        return UserError(f"{self._config.source(key)}: {key} = {self._metric!r}: {problem}")

    def describe(self) -> str:
        """Returns which evaluation was the best one, in words."""
        epoch, batches = self.place
        return f"{self._metric} = {self.best:.6f} in epoch {epoch}, batch_id {batches - 1}"

    def state(self) -> dict[str, Any]:
        """Returns what a checkpoint keeps of it."""
        return {"best": self.best, "place": list(self.place), "waited": self.waited}

    def load(self, state: Mapping[str, Any]) -> None:
        """Takes up what `state` returned.

        Raises:
            UserError: it is something else.
        """
        try:
            self.best, self.waited = state["best"], int(state["waited"])
            epoch, batches = state["place"]
            self.place = (int(epoch), int(batches))
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"the checkpoint's early_stopping is damaged: {error!r}") from error


def _is_nan(value: Any) -> bool:
    array = np.asarray(value)
    return array.size == 1 and array.dtype.kind == "f" and bool(np.isnan(array.item()))
