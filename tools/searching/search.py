"""Runs the trials of a search, one after the other."""

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
from engine.system import interrupts, logs, progress
from engine.system.errors import UserError
from searching import space as spaces
from searching import trials, tuned
from searching.studies import Study, optuna  # raises UserError without Optuna

logger = logging.getLogger(__name__)

_TITLE = "search"  # of the progress
CHECK = "check"  # name of the folder in which the configuration is checked before the first trial

# Settings of every trial. They replace those of the YAML: a trial starts from the beginning, in one
# process, and writes to its own folder only.
_TRIAL_OPTIONS = (
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
        overrides: the values of ``-o``.
        space: the search space.
        graph: ``dygraph`` or ``static``.
        folder: folder for the trials' folders.
        output: path of the YAML of the best trial.
        keep: whether the trials' folders stay.
    """

    config: Config
    overrides: list[str]
    space: spaces.Space
    graph: str
    folder: str
    output: str
    keep: bool

    def settings(self, seed: int, sampler: str, pruner: str) -> dict[str, Any]:
        """Returns what all trials of a study have in common, in JSON's types."""
        values = tuned.content(self.config, self.overrides, {})
        for section in values.values():
            for name in ("model_save_path", "print_interval") if isinstance(section, dict) else ():
                section.pop(name, None)
        return {
            "YAML, or -o": json.loads(json.dumps(values, default=str)),
            "space": {key: entry.plain() for key, entry in sorted(self.space.items())},
            "metric": self.config.runner("valid_metric"),
            "seed": seed,
            "sampler": sampler,
            "pruner": pruner,
            "graph": self.graph,
        }

    def check(self) -> None:
        """Checks that the configuration can be trained and evaluated.

        Raises:
            UserError: it cannot.
        """
        with self._trial_folder(CHECK) as (options, log):
            for _ in trials.run(self.config.yaml_path, options, self.graph, log, check=True):
                pass

    def run(self, study: Study, count: int) -> None:
        """Runs trials until ``count`` of them have ended; writes the YAML of each new best one.

        Raises:
            Interrupted: a signal came; the results so far are stored.
            UserError: no trial has a value.
        """
        self._write_best(study)
        while len(study.ended) < count:
            interrupts.check()
            progress.report(_TITLE, float(len(study.ended)), count, "trials")
            self._run_trial(study, count)
        progress.report(_TITLE, None)
        if study.best is None:
            problem = study.problems[-1] if study.problems else "pruned"
            raise UserError(f"none of {count} trials has a value; the last one: {problem}")

    def _run_trial(self, study: Study, count: int) -> None:
        trial, started = study.ask(), time.perf_counter()
        values = {key: entry.suggest(trial, key) for key, entry in self.space.items()}
        study.set_values(trial, values)
        trial_options = [spaces.option(key, value) for key, value in values.items()]
        previous, metric = study.best, self.config.runner("valid_metric")
        try:
            with self._trial_folder(str(trial.number), *trial_options) as (options, log):
                message = self._train(study, trial, options, log, count)
        except trials.TrialError as problem:
            study.fail(trial, str(problem))
            result = f"failed: {problem}"
        except BaseException:
            study.fail(trial, None)
            raise
        else:
            result = f"pruned after epoch {message['epoch']}"
            if "best" in message:
                place = f"epoch {message['epoch']}, batch_id {message['batches'] - 1}"
                study.finish(trial, message["best"], place)
                result = f"{metric} = {message['best']:.6f} in {place}"
            else:
                study.prune(trial)
        seconds = time.perf_counter() - started
        text = " ".join(trial_options)
        logger.info("trial %d: %s, %.0f s, %s", trial.number, result, seconds, text)
        best = study.best
        if best is not None and (previous is None or best.number != previous.number):
            self._write_best(study)

    def _train(
        self, study: Study, trial: optuna.trial.Trial, options: list[str], log: str, count: int
    ) -> Mapping[str, Any]:
        """Returns the last message of a trial's process; if pruned, that of its last epoch."""
        message: Mapping[str, Any] = {}
        messages = trials.run(self.config.yaml_path, options, self.graph, log)
        try:
            for message in messages:
                if "best" not in message:
                    part = (message["epoch"] + 1) / self.config.runner("epochs")
                    progress.report(_TITLE, len(study.ended) + part, count, "trials")
                    trial.report(message["value"], message["epoch"] + 1)
                    if trial.should_prune():
                        break
        finally:
            messages.close()
        return message

    @contextmanager
    def _trial_folder(self, name: str, *values: str) -> Iterator[tuple[list[str], str]]:
        """Makes the folder of a trial; yields the values of ``-o`` and the path of the log."""
        folder = os.path.join(self.folder, name)
        _remove(folder)  # of a trial that was killed
        try:
            os.makedirs(folder)
        except OSError as error:
            raise UserError(f"cannot write {folder}: {error.strerror}") from error
        options = [*self.overrides, *values, *_TRIAL_OPTIONS]
        options.append(f"runner.model_save_path={folder}/output")
        if not self.keep:
            options.append("runner.keep_checkpoints=1")
        try:
            yield options, os.path.join(folder, "log.txt")
        finally:
            if not self.keep or name == CHECK:
                _remove(folder)

    def _write_best(self, study: Study) -> None:
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
            f"Value: {metric} = {best.value!r} on the validation set, {study.place(best)}",
            f"Versions: Paddle {paddle.__version__}, Optuna {optuna.__version__}, NumPy "
            f"{np.__version__}, Python {platform.python_version()}, "
            f"commit {provenance.commit(REPOSITORY) or 'unknown'}",
        ]
        values = [spaces.option(key, value) for key, value in study.values(best).items()]
        config = load_config(self.config.yaml_path, [*self.overrides, *values], hyper_parameters)
        found = {key: config[key] for key in (tuned.whole(config, key) for key in self.space)}
        found.update(tuned.evaluation(self.config))
        tree = tuned.content(self.config, self.overrides, found)
        tuned.write(self.output, tree, comments)

    def remove_killed(self, study: Study | None) -> None:
        """Removes the folders of killed trials."""
        for name in [CHECK, *map(str, study.killed if study else ())]:
            _remove(os.path.join(self.folder, name))

    def remove_empty(self) -> None:
        """Removes the folder of the trials' folders, if it is empty."""
        with suppress(OSError):
            os.rmdir(self.folder)

    def print_summary(self, study: Study) -> None:
        """Prints the best trial and the importances of the keys."""
        best = study.best
        if best is None:
            return
        metric = self.config.runner("valid_metric")
        logger.info("the best of %d trials is trial %d", len(study.ended), best.number)
        logs.show(f"{metric} = {best.value:.6f} in {study.place(best)}, trial {best.number}")
        for key, value in study.values(best).items():
            logs.show(f"  {spaces.option(key, value)}")
        importances = study.importances()
        if importances:
            shares = ", ".join(f"{key} {share:.2f}" for key, share in importances.items())
            logs.show(f"importances: {shares}")
        logs.show(f"wrote the YAML of trial {best.number} to {self.output}")


def _remove(folder: str) -> None:
    try:
        shutil.rmtree(folder)
    except FileNotFoundError:
        pass
    except OSError as error:
        raise UserError(f"cannot remove {folder}: {error.strerror}") from error
