"""A study: what Optuna keeps of the trials, in a SQLite file."""

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
_FEW = 4  # trials that have a value, fewer of which explain nothing
_ABOUT, _PROBLEM, _PLACE, _VALUES = "about", "problem", "place", "values"
_WORDS = {"seed": "--seed", "sampler": "--sampler", "pruner": "--pruner", "graph": "graph"}


class Study:
    """The trials of a search.

    Args:
        path: the SQLite file; it is made if it is not there.
        about: what the trials have in common, as JSON knows it: ``metric``, ``seed``, ``sampler``,
            ``pruner`` and more. A study of something else is refused.
        lower: whether less of the metric is better.

    Raises:
        UserError: the file is something else, or of something else.
    """

    def __init__(self, path: str, about: Mapping[str, Any], lower: bool):
        self.path, self._about = path, about
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            self._study = optuna.create_study(
                storage=f"sqlite:///{path}",
                study_name=_NAME,
                direction="minimize" if lower else "maximize",
                load_if_exists=True,
                pruner=PRUNERS[about["pruner"]](),
            )
            known = self._study.user_attrs.get(_ABOUT)
        except Exception as error:  # of SQLite, SQLAlchemy, Alembic or Optuna
            reason = str(error).splitlines()[0] if str(error) else type(error).__name__
            raise UserError(f"{path}: no study that can be read: {reason}") from error
        if known is None:
            self._study.set_user_attr(_ABOUT, dict(about))
        elif known != json.loads(json.dumps(about)):
            differs = [key for key in about if known.get(key) != json.loads(json.dumps(about[key]))]
            words = ", ".join(_WORDS.get(key, key) for key in differs)
            raise UserError(f"{path}: a study of another {words}; --study FILE.db begins another")
        for trial in self._study.get_trials(states=(TrialState.RUNNING,)):
            logger.info("trial %d was killed: it does not count", trial.number)
            self._study.tell(trial.number, state=TrialState.FAIL)

    @property
    def ended(self) -> list[FrozenTrial]:
        """The trials that count: finished, pruned, or failed by themselves, not killed."""
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
        every = self._study.get_trials(deepcopy=False)
        return [trial.number for trial in every if trial.number not in counted]

    @property
    def finished(self) -> list[FrozenTrial]:
        """The trials that have a value."""
        return [trial for trial in self.ended if trial.state is TrialState.COMPLETE]

    @property
    def problems(self) -> list[str]:
        """Why trials that count have failed."""
        return [trial.user_attrs[_PROBLEM] for trial in self.ended if _PROBLEM in trial.user_attrs]

    @property
    def best(self) -> FrozenTrial | None:
        """The best of them, the first of equals."""
        return self._study.best_trial if self.finished else None

    def ask(self) -> Trial:
        """Returns a new trial.

        What it is suggested depends on the seed and on the trials that count before it, so a study
        that goes on takes the trials that it would have taken at once.
        """
        seed = np.random.SeedSequence([self._about["seed"], len(self.ended)]).generate_state(1)
        self._study.sampler = SAMPLERS[self._about["sampler"]](seed=int(seed[0]))
        return self._study.ask()

    def finish(self, trial: Trial, value: float, place: str) -> None:
        """Notes a trial's value, and where in its training that was."""
        trial.set_user_attr(_PLACE, place)
        self._study.tell(trial, value)

    def prune(self, trial: Trial) -> None:
        """Notes that a trial was ended before its time."""
        self._study.tell(trial, state=TrialState.PRUNED)

    def fail(self, trial: Trial, problem: str | None) -> None:
        """Notes that a trial came to nothing; if it was killed, without a problem, to try anew."""
        if problem is not None:
            trial.set_user_attr(_PROBLEM, problem)
        self._study.tell(trial, state=TrialState.FAIL)

    def values(self, trial: Trial | FrozenTrial) -> dict[str, Any]:
        """Returns what was noted of a trial's values."""
        return trial.user_attrs[_VALUES]

    def note(self, trial: Trial, values: Mapping[str, Any]) -> None:
        """Notes a trial's values as the configuration takes them."""
        trial.set_user_attr(_VALUES, dict(values))

    def place(self, trial: FrozenTrial) -> str:
        """Returns where in its training a trial had its value."""
        return trial.user_attrs[_PLACE]

    def importances(self) -> dict[str, float]:
        """Returns how much of the values' variance each key explains; nothing if that is unknown.

        Hutter et al. 2014, "An Efficient Approach for Assessing Hyperparameter Importance".
        """
        values = [trial.value for trial in self.finished]
        if len(values) < _FEW or len(set(values)) == 1:
            return {}
        evaluator = optuna.importance.FanovaImportanceEvaluator(seed=self._about["seed"])
        return optuna.importance.get_param_importances(self._study, evaluator=evaluator)


def default(model_save_path: str) -> str:
    """Returns the file of a study if the command line does not say."""
    return os.path.join(f"{model_save_path}_search", "study.db")
