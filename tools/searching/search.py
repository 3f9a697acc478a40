"""The trials of a search, one after the other."""

from __future__ import annotations

import json
import logging
import os
import platform
import shlex
import shutil
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import Any

import numpy as np
import paddle

from benchmarking import provenance
from engine.config.config import Config
from engine.config.load import load_config
from engine.model_folder.loading import REPOSITORY, hyper_parameters
from engine.system import interrupts
from engine.system.errors import UserError
from searching import space as spaces
from searching import trials, tuned
from searching.studies import Study, optuna  # it says what to install, if it is not there

logger = logging.getLogger(__name__)

CHECK = "check"  # the folder in which the configuration is looked at before the first trial

# Of every trial, whatever the YAML says: it begins anew, alone, and writes into its own folder.
_ALONE = (
    "runner.resume=False",
    "runner.use_fleet=False",
    "runner.use_visual=False",
    "runner.save_metrics=null",
)


@dataclass
class Search:
    """A search for the best values of some keys.

    Attributes:
        config: the configuration.
        overrides: what ``-o`` gave.
        space: which values may be taken.
        graph: ``dygraph`` or ``static``.
        folder: where trials' folders are made.
        output: the YAML of the best trial.
        keep: whether trials' folders stay.
    """

    config: Config
    overrides: list[str]
    space: spaces.Space
    graph: str
    folder: str
    output: str
    keep: bool

    def about(self, seed: int, sampler: str, pruner: str) -> dict[str, Any]:
        """Returns what all trials of the study have in common."""
        values = tuned.content(self.config, self.overrides, {})
        for section in values.values():
            for name in ("model_save_path", "print_interval") if isinstance(section, dict) else ():
                section.pop(name, None)
        return {
            "YAML, or -o": json.loads(json.dumps(values, default=str)),
            "space": spaces.plain(self.space),
            "metric": self.config.runner("valid_metric"),
            "seed": seed,
            "sampler": sampler,
            "pruner": pruner,
            "graph": self.graph,
        }

    def check(self) -> None:
        """Makes sure that the configuration, as it is, could be trained and judged.

        Raises:
            UserError: it could not.
        """
        with self._place(CHECK) as (options, log):
            for _ in trials.run(self.config.yaml_path, options, self.graph, log, check=True):
                pass

    def run(self, study: Study, count: int) -> None:
        """Goes on until as many trials have ended, and writes the YAML of each new best one.

        Raises:
            Interrupted: a signal came; what was found is kept.
            UserError: no trial has come to anything.
        """
        self._write(study)
        while len(study.ended) < count:
            interrupts.check()
            self._trial(study)
        if study.best is None:
            problem = study.problems[-1] if study.problems else "pruned"
            raise UserError(f"none of {count} trials has a value; the last: {problem}")

    def _trial(self, study: Study) -> None:
        trial, began = study.ask(), time.perf_counter()
        values = {key: one.suggested(trial, key) for key, one in self.space.items()}
        study.note(trial, values)
        given = [spaces.text(key, value) for key, value in values.items()]
        before, metric = study.best, self.config.runner("valid_metric")
        try:
            with self._place(str(trial.number), *given) as (options, log):
                found = self._trained(study, trial, options, log)
        except trials.TrialError as problem:
            study.fail(trial, str(problem))
            result = f"failed: {problem}"
        except BaseException:
            study.fail(trial, None)
            raise
        else:
            result = f"pruned after epoch {found['epoch']}"
            if "best" in found:
                place = f"epoch {found['epoch']}, batch_id {found['batches'] - 1}"
                study.finish(trial, found["best"], place)
                result = f"{metric} = {found['best']:.6f} in {place}"
            else:
                study.prune(trial)
        seconds = time.perf_counter() - began
        logger.info("trial %d: %s, %.0f s, %s", trial.number, result, seconds, " ".join(given))
        if study.best is not None and (before is None or study.best.number != before.number):
            self._write(study)

    def _trained(
        self, study: Study, trial: optuna.trial.Trial, options: list[str], log: str
    ) -> Mapping[str, Any]:
        """Returns the last message of a trial's process, or that of the epoch it was pruned in."""
        message: Mapping[str, Any] = {}
        running = trials.run(self.config.yaml_path, options, self.graph, log)
        try:
            for message in running:
                if "best" not in message:
                    trial.report(message["value"], message["epoch"] + 1)
                    if trial.should_prune():
                        break
        finally:
            running.close()
        return message

    @contextmanager
    def _place(self, name: str, *given: str) -> Iterator[tuple[list[str], str]]:
        """Makes a trial's folder; yields what ``-o`` gives it, and the file of its log."""
        folder = os.path.join(self.folder, name)
        _remove(folder)  # of a trial that was killed
        try:
            os.makedirs(folder)
        except OSError as error:
            raise UserError(f"cannot write {folder}: {error.strerror}") from error
        options = [*self.overrides, *given, *_ALONE, f"runner.model_save_path={folder}/output"]
        if not self.keep:
            options.append("runner.keep_checkpoints=1")
        try:
            yield options, os.path.join(folder, "log.txt")
        finally:
            if not self.keep or name == CHECK:
                _remove(folder)

    def _write(self, study: Study) -> None:
        """Writes the YAML of the best trial, if there is one."""
        best = study.best
        if best is None:
            return
        metric = self.config.runner("valid_metric")
        options = " ".join(shlex.quote(text) for text in self.overrides)
        base = os.path.basename(self.config.yaml_path)
        comments = [
            f"from {base}{f' -o {options}' if options else ''}, with the best values of a study.",
            f"Study: {study.path}, trial {best.number}, {len(study.ended)} trials so far",
            f"Value: {metric} = {best.value!r} on the validation data, {study.place(best)}",
            f"Versions: Paddle {paddle.__version__}, Optuna {optuna.__version__}, NumPy "
            f"{np.__version__}, Python {platform.python_version()}, "
            f"commit {provenance.commit(REPOSITORY) or 'unknown'}",
        ]
        given = [spaces.text(key, value) for key, value in study.values(best).items()]
        known = load_config(self.config.yaml_path, [*self.overrides, *given], hyper_parameters)
        tree = tuned.content(self.config, self.overrides, {key: known[key] for key in self.space})
        tuned.write(self.output, tree, comments)

    def remove_killed(self, study: Study | None) -> None:
        """Removes what a killed search has left in the trials' folder."""
        for name in [CHECK, *map(str, study.killed if study else ())]:
            _remove(os.path.join(self.folder, name))

    def remove_empty(self) -> None:
        """Removes the trials' folder, if nothing is kept there."""
        with suppress(OSError):
            os.rmdir(self.folder)


def summary(search: Search, study: Study) -> None:
    """Says what the best trial was, and which keys mattered."""
    best = study.best
    if best is None:
        return
    metric = search.config.runner("valid_metric")
    logger.info("the best of %d trials is trial %d", len(study.ended), best.number)
    print(f"{metric} = {best.value:.6f} in {study.place(best)}, trial {best.number}")
    for key, value in study.values(best).items():
        print(f"  {spaces.text(key, value)}")
    found = study.importances()
    if found:
        shares = ", ".join(f"{key} {share:.2f}" for key, share in found.items())
        print(f"importances: {shares}")
    print(f"written: {search.output}")


def _remove(folder: str) -> None:
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise UserError(f"cannot remove {folder}: {error.strerror}") from error
