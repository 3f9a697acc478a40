"""Counts the labels and weights of each task, for the log's table about the data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from datasets.readers.labels.label import Label, weight_columns

# The fields of a task; the counts of its classes follow.
_ROWS, _MISSING, _OUTSIDE, _SUM, _LEAST, _MOST, _WEIGHTS, _ZEROS = range(8)
_CLASSES = 8


def width(labels: Sequence[Label]) -> int:
    """Returns the number of fields of a task."""
    return _CLASSES + max((label.class_num or 0 for label in labels), default=0)


def empty(labels: Sequence[Label]) -> np.ndarray:
    """Returns the counts of no rows, float64 ``[tasks, fields]``."""
    counts = np.zeros((len(labels), width(labels)))
    counts[:, _LEAST], counts[:, _MOST] = np.inf, -np.inf
    return counts


def add(counts: np.ndarray, labels: Sequence[Label], arrays: Sequence[np.ndarray]) -> None:
    """Counts a block of rows.

    Args:
        counts: the counts, to which the block's are added.
        labels: the tasks' labels.
        arrays: a label array ``[n, 1]`` for each task, then each distinct column of weights.
    """
    place_of = {label.task: place for place, label in enumerate(labels)}
    columns = [array[:, 0] for array in arrays]
    weights = dict(zip(weight_columns(labels), columns[len(labels) :]))
    present = [
        ~np.isnan(column) if label.is_number else column >= 0
        for label, column in zip(labels, columns)
    ]
    for label, column, counted, fields in zip(labels, columns, present, counts):
        fields[_MISSING] += np.count_nonzero(~counted)
        parent = place_of.get(label.rows)
        if parent is not None:
            outside = counted & (columns[parent] == 0)
            fields[_OUTSIDE] += np.count_nonzero(column[outside] == 1)
            counted = counted & (columns[parent] == 1)
        values = column if counted.all() else column[counted]
        fields[_ROWS] += len(values)
        if label.is_number:
            fields[_SUM] += values.sum(dtype=np.float64)
            fields[_LEAST] = min(fields[_LEAST], values.min(initial=np.inf))
            fields[_MOST] = max(fields[_MOST], values.max(initial=-np.inf))
        else:
            classes = slice(_CLASSES, _CLASSES + label.class_num)
            fields[classes] += np.bincount(values, minlength=label.class_num)
        if label.weight is not None:
            used = weights[label.weight][counted]
            fields[_WEIGHTS] += used.sum(dtype=np.float64)
            fields[_ZEROS] += np.count_nonzero(used == 0)


def joined(parts: Sequence[np.ndarray], labels: Sequence[Label]) -> np.ndarray:
    """Returns the counts of several files together."""
    total = np.sum([empty(labels), *parts], axis=0)
    total[:, _LEAST] = np.min([empty(labels)[:, _LEAST], *(part[:, _LEAST] for part in parts)], 0)
    total[:, _MOST] = np.max([empty(labels)[:, _MOST], *(part[:, _MOST] for part in parts)], 0)
    return total


def describe(labels: Sequence[Label], counts: np.ndarray) -> list[dict[str, Any]]:
    """Returns the tasks' counts as the engine's `column_statistics` has them."""
    tasks = [label.task for label in labels]
    return [_task(label, fields, tasks) for label, fields in zip(labels, counts)]


def _task(label: Label, fields: np.ndarray, tasks: Sequence[str]) -> dict[str, Any]:
    rows = int(fields[_ROWS])
    entry = {"task": label.task, "label": label.name, "type": label.kind, "rows": rows}
    entry["missing"] = int(fields[_MISSING])
    if label.is_number:
        entry["mean"] = float(fields[_SUM]) / rows if rows else None
        entry["least"] = float(fields[_LEAST]) if rows else None
        entry["most"] = float(fields[_MOST]) if rows else None
    elif label.kind == "binary":
        entry["positives"] = int(fields[_CLASSES + 1])
    else:
        counts = fields[_CLASSES : _CLASSES + label.class_num].astype(int).tolist()
        names = label.classes or map(str, range(label.class_num))
        entry["classes"] = dict(zip(names, counts))
    if label.rows in tasks:
        entry["where"] = label.rows
        if label.kind == "binary":
            entry["outside"] = int(fields[_OUTSIDE])
    if label.weight is not None:
        entry["sample_weight"] = label.weight
        entry["weights"] = float(fields[_WEIGHTS])
        entry["zero_weights"] = int(fields[_ZEROS])
    return entry
