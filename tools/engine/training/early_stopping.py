"""Compares evaluations: which one is the best so far, and whether training stops early."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.config.config import Config
from engine.system.errors import UserError, nearest

MEAN = "mean"  # of all AUCs
_HIGHER = ("auc", "acc", "accuracy")
_LOWER = ("loss", "cost", "error", "entropy", "deviance", "divergence", "perplexity", "brier")
_LOWER += ("mae", "mape", "mse", "msle", "nll", "bce")  # rmse, smape and logloss end so, too
_LOWER_WORDS = ("ece", "mce", "err", "ppl")  # other words may end so: piece


def lower_is_better(metric: str) -> bool:
    """Returns whether lower values of a metric are better, by the words of its name.

    Words are runs of letters; case does not matter. Higher is better if a word ends in one of
    `_HIGHER`. Else lower is better if a word ends in one of `_LOWER` or is one of `_LOWER_WORDS`.
    For every other name higher is better.
    """
    words = re.findall("[a-z]+", metric.lower())
    if any(word.endswith(_HIGHER) for word in words):
        return False
    return any(word.endswith(_LOWER) or word in _LOWER_WORDS for word in words)


def metrics_in_mean(metrics: Mapping[str, Any]) -> list[str]:
    """Returns the names of the metrics that `MEAN` averages: the AUCs, or all if there is none."""
    return [name for name in metrics if "auc" in name.lower()] or list(metrics)


class EarlyStopping:
    """Compares evaluations by ``runner.valid_metric``.

    Args:
        config: the configuration.

    Attributes:
        value: the metric in the last evaluation; None before the first.
        best: the best value so far; None before the first evaluation.
        place: the epoch of the best evaluation, and its batches done before it.
        waited: the number of evaluations since then; none was better.
    """

    def __init__(self, config: Config):
        self._config = config
        self._metric = config.runner("valid_metric")
        self._patience = config.runner("early_stopping_patience")
        self._min_delta = float(config.runner("early_stopping_min_delta"))
        self._lower = lower_is_better(self._metric)
        self.value: float | None = None
        self.best: float | None = None
        self.place = (0, 0)
        self.waited = 0

    @property
    def stopped(self) -> bool:
        """Whether training has to stop."""
        return self._patience is not None and self.waited >= self._patience

    def check(self, names: list[str]) -> None:
        """Checks before training that the model has the metric.

        Args:
            names: the names of the model's metrics.

        Raises:
            UserError: it has not.
        """
        self._value(dict.fromkeys(names, 0.0))

    def update(self, metrics: Mapping[str, Any], place: tuple[int, int]) -> bool:
        """Adds an evaluation; returns whether it is the best one so far.

        Args:
            metrics: the evaluation's metrics by name.
            place: its epoch, and the epoch's batches done before it.

        Raises:
            UserError: the metric is missing, or it is NaN in the first evaluation.
        """
        self.value = value = self._value(metrics)
        if np.isnan(value) and self.best is None:
            undefined = [name for name, each in metrics.items() if _is_nan(each)]
            reason = f"{', '.join(undefined)} is nan on the rows of runner.valid_data_dir"
            raise self._error(f"{reason}: set another metric")
        gain = self._gain(value)
        if gain > self._min_delta or self.best is None:
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
            raise self._error("the model has no metric to select the best evaluation by")
        single = {name: each for name, each in metrics.items() if np.size(each) == 1}
        if self._metric == MEAN:
            names = metrics_in_mean(single)
            losses = [name for name in names if lower_is_better(name)]
            if losses:
                reason = f"lower is better for {', '.join(losses)}"
                raise self._error(f"{reason}: name a single metric")
        else:
            names = [name for name in single if name == self._metric]
        if not names:
            known = ", ".join([MEAN, *single])
            problem = f"expected one of {known}{nearest(self._metric, single)}"
            raise self._error(problem)
        return float(np.mean([np.asarray(single[name]).item() for name in names]))

    def _error(self, problem: str) -> UserError:
        key = "runner.valid_metric"  # the value may be the default
        return UserError(f"{self._config.source(key)}: {key} = {self._metric!r}: {problem}")

    def describe(self) -> str:
        """Returns the best evaluation as text for the log."""
        epoch, batches = self.place
        return f"{self._metric} = {self.best:.6f} in epoch {epoch}, batch_id {batches - 1}"

    def state(self) -> dict[str, Any]:
        """Returns the content for a checkpoint."""
        return {"best": self.best, "place": list(self.place), "waited": self.waited}

    def load(self, state: Mapping[str, Any]) -> None:
        """Restores the result of `state`.

        Raises:
            UserError: the content is damaged.
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
