"""Types of tasks, which rows count, and the names of the columns of their predictions.

``facts`` are those of `Session.task_facts`: one mapping a task, with its name, its type, and the
number and the names of its classes. A folder written for PaddleRec has none: types then follow
from the arrays.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from engine.evaluation.metrics.catalogue import BINARY, MULTICLASS, NUMBERS, REGRESSION
from engine.system.errors import UserError

Facts = Sequence[Mapping[str, Any]]


def counted(labels: np.ndarray) -> np.ndarray:
    """Returns which rows count: class numbers are not negative there, other numbers not NaN."""
    return ~np.isnan(labels) if labels.dtype.kind == "f" else labels >= 0


def facts_of(task: str, facts: Facts | None) -> Mapping[str, Any]:
    """Returns a task's facts; empty if there are none."""
    return next((each for each in facts or () if each["name"] == task), {})


def typed(
    task: str, labels: np.ndarray, predictions: np.ndarray, facts: Facts | None
) -> tuple[str, np.ndarray]:
    """Returns a task's type, and its labels as this type has them.

    Args:
        task: the task.
        labels: ``[n]``.
        predictions: ``[n]`` or ``[n, classes]``.
        facts: the model's facts; None for a folder written for PaddleRec.
    """
    kind = facts_of(task, facts).get("type")
    if kind is None and predictions.ndim > 1:
        kind = MULTICLASS
    elif kind is None:
        present = labels[counted(labels)]
        kind = BINARY if (present <= 1).all() and (present % 1 == 0).all() else REGRESSION
    if kind in NUMBERS:
        return kind, labels if labels.dtype.kind == "f" else np.where(labels < 0, np.nan, labels)
    return kind, np.where(labels >= 0, labels, -1).astype(np.int64)


def column_names(task: str, facts: Facts | None) -> list[str] | None:
    """Returns the columns of a multiclass task's predictions; None if that is not its type."""
    found = facts_of(task, facts)
    if found.get("type") != MULTICLASS:
        return None
    return [f"{task}_{each}" for each in found.get("classes") or range(found["class_num"])]


def predictions_of(
    task: str, predictions: Mapping[str, np.ndarray], facts: Facts | None = None
) -> np.ndarray:
    """Returns a task's predictions: ``[n]``, or ``[n, classes]`` of a multiclass task.

    Raises:
        UserError: the model has none.
    """
    names = column_names(task, facts)
    if names is None:
        if task in predictions:
            return predictions[task]
        names = []
        while f"{task}_{len(names)}" in predictions:
            names.append(f"{task}_{len(names)}")
    columns = [predictions[name] for name in names if name in predictions]
    if not columns:
        raise UserError(f"runner.metrics: the model has no predictions of task {task}")
    return np.stack(columns, axis=1)


def named_columns(
    outputs: Mapping[str, np.ndarray], facts: Facts | None = None
) -> dict[str, np.ndarray]:
    """Returns tasks' outputs as columns ``[n]``, called ``<task>`` or ``<task>_<class>``.

    Args:
        outputs: the outputs by task, ``[n]`` or ``[n, classes]``.
        facts: the model's facts, with the names of classes.
    """
    columns = {}
    for name, array in outputs.items():
        if array.ndim == 1:
            columns[name] = array
            continue
        flat = array.reshape(len(array), -1)
        names = column_names(name, facts) or [f"{name}_{each}" for each in range(flat.shape[1])]
        columns.update({column: flat[:, place] for place, column in enumerate(names)})
    return columns


def counting_labels(
    labels: Mapping[str, np.ndarray], conditions: Mapping[str, str]
) -> dict[str, np.ndarray]:
    """Returns labels ``[n]`` by task, as `counted` reads them.

    Args:
        labels: ``[n]`` by task.
        conditions: the tasks that count only in some rows, each with the task whose label must be
            1 in these rows.
    """
    counting = {}
    for name, truth in labels.items():
        if name in conditions:
            missing = np.nan if truth.dtype.kind == "f" else -1
            truth = np.where(labels[conditions[name]] == 1, truth, missing)
        counting[name] = truth
    return counting
