"""Finds tasks without labels in the rows that are evaluated: they are predicted only."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np

from engine.distributed.processes import World
from engine.evaluation.metrics.task_columns import counted
from engine.graphs.session import Session
from engine.system import logs
from engine.system.clock import Clock

logger = logging.getLogger(__name__)

_STREAMING = ("auc", "acc", "mae", "xauc")  # metrics in the log, before a task's name


class LabelPresence:
    """Notes which tasks have a label in some row.

    Args:
        session: the session that evaluates. Without `Session.task_facts` every task counts as one
            with labels.
        world: the processes of the run.
    """

    def __init__(self, session: Session, world: World):
        self._session, self._world = session, world
        self._is_known = world.size == 1  # else other processes may have seen labels
        self._missing = [facts["name"] for facts in session.task_facts() or ()]

    def noting(self, step: Callable[[Any, Clock], dict]) -> Callable[[Any, Clock], dict]:
        """Returns an evaluation step that also looks for labels, until every task has one."""

        def noting_step(batch: Any, clock: Clock) -> dict:
            if self._missing:
                labels = self._session.labels(batch)
                self._missing = [task for task in self._missing if not counted(labels[task]).any()]
            return step(batch, clock)

        return noting_step if self._missing else step

    def evaluated(self, metrics: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the metrics of tasks that have a label in some row."""
        if not self._is_known:
            return dict(metrics)
        without = {f"{metric}_{task}" for task in self._missing for metric in _STREAMING}
        return {name: value for name, value in metrics.items() if name not in without}

    def gather(self) -> None:
        """Adds what the other processes noted; all processes must call it after the rows."""
        names = [facts["name"] for facts in self._session.task_facts() or ()]
        missing = np.array([name in self._missing for name in names], np.float64)
        if names:
            missing = self._world.all_reduce([missing])[0] == self._world.size
        self._missing = [name for name, is_missing in zip(names, missing) if is_missing]
        self._is_known = True

    def log(self) -> None:
        """Logs a line for each task without labels."""
        for task in self._missing:
            line = "task %s: no labels in the test data: predicted, not evaluated"
            logger.info(line, task, extra=logs.RESULT)
