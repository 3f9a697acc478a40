"""Stores the trials of a search in a SQLite file, as an Optuna study."""

from __future__ import annotations

import json
import logging
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.system.errors import UserError

try:
    import optuna
except ImportError as error:
    raise UserError(
        "tools/search.py needs Optuna: pip install -r requirements-search.txt"
    ) from error
from optuna.trial import FrozenTrial, Trial, TrialState

logger = logging.getLogger(__name__)

PRUNERS = {
    "median": optuna.pruners.MedianPruner,
    "asha": optuna.pruners.SuccessiveHalvingPruner,
    "none": optuna.pruners.NopPruner,
}
SAMPLERS = {"tpe": optuna.samplers.TPESampler, "random": optuna.samplers.RandomSampler}
_NAME = "search"
_MINIMUM = 4  # finished trials from which importances are computed
# Optuna's user attributes of a study, and of its trials.
_SETTINGS, _PROBLEM, _PLACE, _VALUES = "about", "problem", "place", "values"
_OPTIONS = {"seed": "--seed", "sampler": "--sampler", "pruner": "--pruner"}


class Study:
    """The trials of a search.

    Args:
        path: the SQLite file; a missing file is created.
        settings: what all trials have in common, in JSON's types: ``metric``, ``seed``,
            ``sampler``, ``pruner`` and more.
        lower: whether a lower value of the metric is better.

    Raises:
        UserError: the file is not a study, or a study with other settings.
    """

    def __init__(self, path: str, settings: Mapping[str, Any], lower: bool):
        self.path, self._settings = path, settings
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            self._study = optuna.create_study(
                storage=f"sqlite:///{path}",
                study_name=_NAME,
                direction="minimize" if lower else "maximize",
                load_if_exists=True,
                pruner=PRUNERS[settings["pruner"]](),
            )
            stored = self._study.user_attrs.get(_SETTINGS)
        except Exception as error:  # of SQLite, SQLAlchemy, Alembic or Optuna
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UserError(f"{path}: the file is not a readable study: {reason}") from error
        if stored is None:
            self._study.set_user_attr(_SETTINGS, dict(settings))
        else:
            self._compare(stored, json.loads(json.dumps(settings)))
        for trial in self._study.get_trials(states=(TrialState.RUNNING,)):
            logger.info("trial %d was killed and does not count", trial.number)
            self._study.tell(trial.number, state=TrialState.FAIL)

    def _compare(self, stored: Mapping[str, Any], settings: Mapping[str, Any]) -> None:
        if stored != settings:
            differing = [key for key in settings if stored.get(key) != settings[key]]
            names = ", ".join(_OPTIONS.get(key, key) for key in differing)
            problem = f"this study was made with another {names}"
            raise UserError(f"{self.path}: {problem}; use --study FILE.db to start a new one")

    @property
    def ended(self) -> list[FrozenTrial]:
        """The trials that count: finished, pruned and failed, but not killed."""
        return [
            trial
            for trial in self._study.get_trials(deepcopy=False)
            if trial.state in (TrialState.COMPLETE, TrialState.PRUNED)
            or (trial.state is TrialState.FAIL and _PROBLEM in trial.user_attrs)
        ]

    @property
    def killed(self) -> list[int]:
        """The numbers of the trials that do not count."""
        counted = {trial.number for trial in self.ended}
        trials = self._study.get_trials(deepcopy=False)
        return [trial.number for trial in trials if trial.number not in counted]

    @property
    def finished(self) -> list[FrozenTrial]:
        """The trials that have a value."""
        return [trial for trial in self.ended if trial.state is TrialState.COMPLETE]

    @property
    def problems(self) -> list[str]:
        """The errors of the failed trials."""
        return [trial.user_attrs[_PROBLEM] for trial in self.ended if _PROBLEM in trial.user_attrs]

    @property
    def best(self) -> FrozenTrial | None:
        """The best finished trial, the first one of equals; None if there is none."""
        return self._study.best_trial if self.finished else None

    def ask(self) -> Trial:
        """Returns a new trial.

        Its values depend on the seed and on the trials that count so far. So a search that was
        stopped and continued runs the same trials as one that was not.
        """
        number = len(self.ended)
        seed = np.random.SeedSequence([self._settings["seed"], number]).generate_state(1)
        self._study.sampler = SAMPLERS[self._settings["sampler"]](seed=int(seed[0]))
        return self._study.ask()

    def finish(self, trial: Trial, value: float, place: str) -> None:
        """Stores the value of a trial, and the place in its training with this value."""
        trial.set_user_attr(_PLACE, place)
        self._study.tell(trial, value)

    def prune(self, trial: Trial) -> None:
        """Stores that a trial was pruned."""
        self._study.tell(trial, state=TrialState.PRUNED)

    def fail(self, trial: Trial, problem: str | None) -> None:
        """Stores that a trial failed with an error; with None it was killed and is repeated."""
        if problem is not None:
            trial.set_user_attr(_PROBLEM, problem)
        self._study.tell(trial, state=TrialState.FAIL)

    def set_values(self, trial: Trial, values: Mapping[str, Any]) -> None:
        """Stores the values of a trial, as the configuration takes them."""
        trial.set_user_attr(_VALUES, dict(values))

    def values(self, trial: Trial | FrozenTrial) -> dict[str, Any]:
        """Returns the values of a trial, as the configuration takes them."""
        return trial.user_attrs[_VALUES]

    def place(self, trial: FrozenTrial) -> str:
        """Returns the place in its training at which a trial had its value."""
        return trial.user_attrs[_PLACE]

    def importances(self) -> dict[str, float]:
        """Returns the share of the variance of the values that each key explains.

        The method is fANOVA: Hutter et al. 2014, "An Efficient Approach for Assessing
        Hyperparameter Importance". The result is empty with too few trials.
        """
        values = [trial.value for trial in self.finished]
        if len(values) < _MINIMUM or len(set(values)) == 1:
            return {}
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=self._settings["seed"])
        return optuna.importance.get_param_importances(self._study, evaluator=evaluator)


def default_path(model_save_path: str) -> str:
    """Returns the default of ``--study``."""
    return os.path.join(f"{model_save_path}_search", "study.db")
