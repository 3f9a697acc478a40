"""Compares evaluations: which one is the best so far, and whether training stops early."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.config.config import Config
from engine.evaluation.metrics import catalogue
from engine.evaluation.metrics.catalogue import METRICS
from engine.system.errors import UserError, nearest

MEAN = "mean"  # of all AUCs, accuracies and XAUCs
LOSS = "loss"  # of the validation rows
LOGLOSS = "logloss_"  # before a task's name
_IN_MEAN = ("auc_", "acc_", "xauc_")  # each lies between 0 and 1, and higher is better
_HIGHER = ("auc", "acc", "accuracy")
_LOWER = ("loss", "cost", "error", "entropy", "deviance", "divergence", "perplexity", "brier")
_LOWER += ("mae", "mape", "mse", "msle", "nll", "bce")  # rmse, smape and logloss end so, too
_LOWER_WORDS = ("ece", "mce", "err", "ppl")  # other words may end so: piece


def lower_is_better(metric: str) -> bool:
    """Returns whether lower values of a metric are better.

    The catalogue knows it for ``<metric>_<task>``, and lower is better for `LOSS`. For other names
    words decide, which are runs of letters; case does not matter. Higher is better if a word ends
    in one of `_HIGHER`. Else lower is better if a word ends in one of `_LOWER` or is one of
    `_LOWER_WORDS`. For every other name higher is better.
    """
    found = catalogue.split(metric)
    if metric == LOSS or found:
        return metric == LOSS or METRICS[found[0]].higher_is_better is False
    words = re.findall("[a-z]+", metric.lower())
    if any(word.endswith(_HIGHER) for word in words):
        return False
    return any(word.endswith(_LOWER) or word in _LOWER_WORDS for word in words)


def metrics_in_mean(metrics: Mapping[str, Any], typed: bool = True) -> list[str]:
    """Returns the names of the metrics that `MEAN` averages, or all if there is none of these.

    Args:
        metrics: the metrics by name.
        typed: whether tasks declare their types. If so the mean is that of each task's AUC,
            accuracy or XAUC. If not, it is that of all metrics with ``auc`` in their names.
    """
    of_tasks = [name for name in metrics if typed and name.startswith(_IN_MEAN)]
    return of_tasks or [name for name in metrics if "auc" in name.lower()] or list(metrics)


class EarlyStopping:
    """Compares evaluations by ``runner.valid_metric``.

    Args:
        config: the configuration.

    Attributes:
        value: the metric in the last evaluation; None before the first.
        best: the best value so far; None before the first evaluation.
        place: the epoch of the best evaluation, and its batches done before it.
        waited: the number of evaluations since then; none was better.
        typed: whether tasks declare their types; see `metrics_in_mean`.
    """

    def __init__(self, config: Config):
        self._config = config
        self._metric = config.runner("valid_metric")
        self._patience = config.runner("early_stopping_patience")
        self._min_delta = float(config.runner("early_stopping_min_delta"))
        self._lower = lower_is_better(self._metric)
        self._names: list[str] | None = None  # of the metrics in the mean; the first one fixes them
        self.typed = True
        self.value: float | None = None
        self.best: float | None = None
        self.place = (0, 0)
        self.waited = 0

    @property
    def stopped(self) -> bool:
        """Whether training has to stop."""
        return self._patience is not None and self.waited >= self._patience

    @property
    def is_wanted(self) -> bool:
        """Whether the configuration names a metric, or something else depends on it."""
        schedule = self._config.get("hyper_parameters.optimizer.schedule")
        return self._metric != MEAN or self._patience is not None or schedule == "plateau"

    def check(self, names: list[str], loss: str | None = None) -> None:
        """Checks before training that the model has the metric.

        Args:
            names: the names of the model's metrics.
            loss: the name of a loss of the validation rows; None if there is none.

        Raises:
            UserError: it has not.
        """
        if self._metric != loss:
            self._select(dict.fromkeys(names, 0.0))

    def update(self, metrics: Mapping[str, Any], place: tuple[int, int]) -> bool:
        """Adds an evaluation; returns whether it is the best one so far.

        A metric of the mean that is undefined in the first evaluation never counts in the mean.

        Args:
            metrics: the evaluation's metrics by name; NaN if undefined.
            place: its epoch, and the epoch's batches done before it.

        Raises:
            UserError: the model has no such metric, or it is NaN in the first evaluation and
                `is_wanted`.
        """
        selected = self._select(metrics)
        if self._names is None:
            defined = [name for name, value in selected.items() if not np.isnan(value)]
            self._names = defined or None
        values = [selected[name] for name in self._names or selected]
        self.value = value = float(np.mean(values))
        if np.isnan(value) and self.best is None and self.is_wanted:
            reason = f"{', '.join(selected)} is nan on the rows of runner.valid_data_dir"
            raise self._error(f"{reason}: set another metric")
        if np.isnan(value) and self.best is None:
            return False
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

    def _select(self, metrics: Mapping[str, Any]) -> dict[str, float]:
        """Returns the metrics that `value` is the mean of."""
        if not metrics:
            raise self._error("the model has no metric to select the best evaluation by")
        single = {name: each for name, each in metrics.items() if np.size(each) == 1}
        if self._metric == MEAN:
            names = metrics_in_mean(single, self.typed)
            losses = [name for name in names if lower_is_better(name)]
            if losses:
                reason = f"lower is better for {', '.join(losses)}"
                raise self._error(f"{reason}: name a single metric")
        else:
            names = [name for name in single if name == self._metric]
        if not names:
            known = ", ".join(dict.fromkeys([MEAN, *single, LOSS, f"{LOGLOSS}<task>"]))
            more = "or another of runner.metrics with a task's name"
            problem = f"expected one of {known}, {more}{nearest(self._metric, single)}"
            raise self._error(problem)
        return {name: float(np.asarray(single[name]).item()) for name in names}

    def _error(self, problem: str) -> UserError:
        key = "runner.valid_metric"  # the value may be the default
        return UserError(f"{self._config.source(key)}: {key} = {self._metric!r}: {problem}")

    def describe(self) -> str:
        """Returns the best evaluation as text for the log."""
        epoch, batches = self.place
        return f"{self._metric} = {self.best:.6f} in epoch {epoch}, batch_id {batches - 1}"

    def state(self) -> dict[str, Any]:
        """Returns the content for a checkpoint."""
        state = {"best": self.best, "place": list(self.place), "waited": self.waited}
        return {**state, "names": self._names}

    def load(self, state: Mapping[str, Any]) -> None:
        """Restores the result of `state`.

        Raises:
            UserError: the content is damaged.
        """
        try:
            self.best, self.waited = state["best"], int(state["waited"])
            epoch, batches = state["place"]
            self.place = (int(epoch), int(batches))
            self._names = state.get("names")
        except (KeyError, TypeError, ValueError) as error:
            raise UserError(f"the checkpoint's early_stopping is damaged: {error!r}") from error
