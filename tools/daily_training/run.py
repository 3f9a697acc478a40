"""Evaluates each day with the model of the days before it, then trains on it."""

from __future__ import annotations

import json
import logging
import os
import time
from collections.abc import Sequence
from typing import Any

import numpy as np

from daily_training.days import Day
from daily_training.record import Record, text
from engine import commands
from engine.checkpoints import choice, find, layout
from engine.config.config import Config
from engine.config.load import load_config
from engine.config.runner_keys import METRICS
from engine.data import encoding
from engine.evaluation.summary import Summary
from engine.model_folder import loading
from engine.system import interrupts, logs
from engine.system.interrupts import Interrupted

logger = logging.getLogger(__name__)


class DailyRun:
    """Progressive validation: each day is evaluated before the model is trained on it.

    Day d starts from the checkpoint of day d - 1 and saves its own to ``<model_save_path>/<day>``.
    Vocabularies grow, unless the YAML sets ``runner.extend_vocabulary`` to False.

    Args:
        config: the configuration.
        options: the texts of ``-o``.
        days: the days in order.
        graph: ``dygraph`` or ``static``.
    """

    def __init__(self, config: Config, options: Sequence[str], days: Sequence[Day], graph: str):
        self._config, self._options, self._days, self._graph = config, list(options), days, graph
        self._prefix = layout.PREFIXES[graph]
        self._root = config.runner("model_save_path")
        self._record = Record(self._root, days)
        self._grows = config.get("runner.extend_vocabulary") is not False and encoding.can_extend(
            config
        )

    def run(self) -> None:
        """Trains the days that are not trained yet, and prints the table of all."""
        done = len(self._record.done)
        if done:
            logger.info("%s: continuing after %s", self._root, self._record.done[-1]["day"])
        for day in self._days[done:]:
            try:
                self._run_day(day)
                interrupts.check()
            except Interrupted as stop:
                place = f"{len(self._record.done)} of {len(self._days)} days are trained"
                problem = f"interrupted: {place}; to continue, run the same command again"
                raise Interrupted(stop.number, problem) from None
        if self._config.get("runner.test_data_dir") and self._record.test is None:
            self._record.test = _metrics(self._evaluate(self._config.runner("test_data_dir")))
            self._record.save()
        logger.info("all days\n%s", self._record.table(), extra=logs.RESULT)
        if self._record.test:
            shown = ", ".join(f"{k}: {text(v)}" for k, v in self._record.test.items())
            logger.info("test after %s: %s", self._days[-1].name, shown, extra=logs.RESULT)
        logs.wrote("the checkpoints of each day, daily.json and daily.csv", self._root)

    def _run_day(self, day: Day) -> None:
        began, metrics, evaluated = time.monotonic(), {}, None
        if self._record.done:
            logger.info("day %s: evaluating before training", day.name)
            evaluated = self._evaluate([day.path])
            metrics = _metrics(evaluated)
        folder = os.path.join(self._root, day.name)
        config = encoding.complete_config(self._training(day, folder), graph=self._graph)
        new_ids = self._new_ids(config)
        logger.info("day %s: training", day.name)
        trained = commands.train(config, self._graph)
        rows = evaluated.rows if evaluated else trained.rows // max(len(trained.metrics), 1)
        self._record.add(
            {
                "day": day.name,
                "stamp": day.stamp,
                "checkpoint": os.path.relpath(self._checkpoint(folder), self._root),
                "rows": rows,
                "new_ids": new_ids,
                "metrics": metrics,
                "seconds": round(time.monotonic() - began, 1),
            }
        )
        shown = ", ".join(f"{name}: {text(value)}" for name, value in metrics.items())
        shown = shown or "not evaluated: there was no model before it"
        ids = "" if new_ids is None else f", {new_ids} new ids"
        logger.info("day %s: %d rows%s, %s", day.name, rows, ids, shown, extra=logs.RESULT)

    def _training(self, day: Day, folder: str) -> Config:
        """Returns the configuration that trains a day."""
        options = {
            "train_data_dir": json.dumps([day.path]),
            "model_save_path": folder,
            "resume": bool(find.saved(folder, self._prefix)),
            "extend_vocabulary": self._grows,
        }
        if self._record.done:
            options["model_init_path"] = self._last
        return self._loaded(options)

    def _start(self) -> str | None:
        """Returns the checkpoint that the next day starts from; None if it starts from scratch."""
        return self._last if self._record.done else self._config.runner("model_init_path")

    def _evaluate(self, paths: Sequence[str]) -> Summary:
        """Evaluates the model of the last trained day."""
        root, name = os.path.split(self._last)
        options: dict[str, Any] = {
            "test_data_dir": json.dumps(list(paths)),
            "model_save_path": root,
            "infer_load_path": root,
            "infer_checkpoint": name if name == layout.BEST else "null",
        }
        if name != layout.BEST:
            options["infer_start_epoch"], options["infer_end_epoch"] = int(name), int(name) + 1
        config = encoding.complete_config(self._loaded(options), choice.evaluated(self._prefix))
        return commands.evaluate(config, self._graph)

    @property
    def _last(self) -> str:
        """The checkpoint of the last trained day."""
        return os.path.join(self._root, self._record.done[-1]["checkpoint"])

    def _checkpoint(self, folder: str) -> str:
        """Returns a day's checkpoint: the best one, if there is one, or the last one."""
        best = os.path.join(folder, layout.BEST)
        if os.path.isfile(layout.path_of(best, self._prefix, "json")):
            return best
        return find.saved(folder, self._prefix)[-1][0]

    def _new_ids(self, config: Config) -> int | None:
        """Returns how many values get ids; None if the reader has no vocabularies."""
        if not self._grows:
            return None
        start = self._start() and find.facts(self._start(), self._prefix)
        if not start:
            return encoding.vocabulary_size(config)
        if not encoding.extends(config, start):
            return 0
        changes = encoding.vocabulary_changes(config, start["encoding"])
        return sum(change.added for change in changes.values())

    def _loaded(self, options: dict[str, Any]) -> Config:
        texts = [f"runner.{key}={value}" for key, value in options.items()]
        texts = [*self._options, *texts]
        return load_config(self._config.yaml_path, texts, loading.hyper_parameters)


def _metrics(summary: Summary) -> dict[str, Any]:
    """Returns an evaluation's metrics by name; None where one is undefined."""
    (epoch,) = summary.metrics
    found = dict(summary.metrics[epoch])
    for task, values in summary.tasks.get(epoch, {}).items():
        named = {f"{name}_{task}": value for name, value in values.items() if name in METRICS}
        found.update(named)
    numbers = {
        name: np.asarray(value, np.float64) for name, value in found.items() if value is not None
    }
    return {
        name: float(number) if np.isfinite(number) else None
        for name, number in numbers.items()
        if number.size == 1
    }
