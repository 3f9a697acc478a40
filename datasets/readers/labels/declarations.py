"""Reads what the tasks of a configuration declare about their labels."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np

from datasets.readers import checks
from datasets.readers.labels.label import FALSE, KINDS, TRUE, Label, as_number

TASKS = "hyper_parameters.tasks"
TABLE_WEIGHT = "hyper_parameters.table.sample_weight"
LEARNED = "learned"
_WORDS = {**dict.fromkeys(TRUE, True), **dict.fromkeys(FALSE, False)}  # texts in our YAMLs


def labels_of(
    config: Mapping,
    columns: Sequence[str],
    default: Sequence[Mapping] | None = None,
    numbers: Sequence[str] = (),
    class_num: int | None = None,
) -> list[Label]:
    """Returns the label of each task under ``hyper_parameters.tasks``, in their order.

    Args:
        config: the flat configuration.
        columns: the names of the label columns.
        default: the tasks if the configuration has none; None if it must have them.
        numbers: the label columns that hold numbers and no classes.
        class_num: number of classes of tasks that declare neither type nor classes, if
            ``hyper_parameters.class_num`` is not set either; None for 2.

    Raises:
        ValueError: there are no tasks, or a task's declaration is malformed.
    """
    entries = config.get(TASKS)
    entries = default if entries is None else entries
    wanted = "a list of tasks, each with a name and a label_column"
    if not isinstance(entries, (list, tuple)) or not entries:
        checks.fail(TASKS, wanted, entries)
    if not all(isinstance(entry, Mapping) and "label_column" in entry for entry in entries):
        checks.fail(TASKS, wanted, entries)
    shared = config.get("hyper_parameters.class_num", class_num)
    table_weight = config.get(TABLE_WEIGHT)
    if table_weight is not None and not (isinstance(table_weight, str) and table_weight):
        checks.fail(TABLE_WEIGHT, "the name of a column", table_weight)
    labels = [
        _label(entry, number, columns, shared, table_weight) for number, entry in enumerate(entries)
    ]
    for label in labels:
        if label.name in numbers and not label.is_number and label.positive is None:
            hint = f"the column {label.name} holds numbers"
            checks.fail(f"{TASKS}: {label.task}: type", "regression or count", label.kind, hint)
    return labels


def check_numbers(labels: Sequence[Label], columns: Sequence[str]) -> None:
    """Checks that a reader whose columns hold only numbers can read the labels.

    Args:
        labels: the tasks' labels.
        columns: the columns that can be weights.

    Raises:
        ValueError: a declaration needs texts, or names a column that does not exist.
    """
    for label in labels:
        place = f"{TASKS}: {label.task}"
        if label.learned:
            checks.fail(f"{place}: classes", "a list of texts", LEARNED, "these files hold numbers")
        for value in label.positive or ():
            if not np.isfinite(as_number(value)):
                checks.fail(f"{place}: positive", "a number", value, "these files hold numbers")
        if label.weight is not None and label.weight not in columns:
            expected = f"a label column, {', '.join(columns)}"
            checks.fail(f"{place}: sample_weight", expected, label.weight)


def _label(
    entry: Mapping, number: int, columns: Sequence[str], shared: Any, table_weight: str | None
) -> Label:
    task = entry.get("name", f"task {number}")
    place = f"{TASKS}: {task}"
    column, last = entry["label_column"], len(columns) - 1
    if type(column) is not int or not 0 <= column <= last:
        names = f"{last} ({', '.join(columns)})" if len(columns) <= 20 else last
        checks.fail(f"{place}: label_column", f"an integer from 0 to {names}", column)
    kind = entry.get("type")
    if kind is None:  # hyper_parameters.class_num is PaddleRec's and DSelect-k's for all tasks
        many = entry.get("class_num", shared)
        many = bool(entry.get("classes")) or (type(many) is int and many > 2)
        kind = "multiclass" if many else "binary"
    checks.choice(f"{place}: type", kind, KINDS)
    for key, user in (("positive", "binary"), ("classes", "multiclass")):
        if entry.get(key) is not None and kind != user:
            checks.fail(f"{place}: {key}", f"no value for a {kind} task", entry[key])
    classes, learned = _classes(place, entry.get("classes"))
    missing = entry.get("missing_label")
    if missing is not None and (
        isinstance(missing, bool)
        or not isinstance(missing, (int, float))
        or not np.isfinite(as_number(missing))
    ):
        checks.fail(f"{place}: missing_label", "a number", missing)
    weight = entry.get("sample_weight")
    if weight is not None and not (isinstance(weight, str) and weight):
        checks.fail(f"{place}: sample_weight", "the name of a column", weight)
    class_num = 2 if kind == "binary" else None
    if kind == "multiclass" and not learned:
        class_num = len(classes) if classes else entry.get("class_num", shared)
        checks.integer(f"{place}: class_num", class_num, 2)
        given = entry.get("class_num")
        if classes and given not in (None, class_num):
            checks.fail(f"{place}: class_num", f"{class_num}, the number of classes", given)
    return Label(
        task=str(task),
        name=columns[column],
        column=column,
        kind=kind,
        class_num=class_num,
        classes=classes,
        learned=learned,
        positive=_positive(place, entry.get("positive")),
        missing=None if missing is None else float(missing),
        weight=table_weight if weight is None else weight,
        rows=entry["rows"] if isinstance(entry.get("rows"), str) else None,
    )


def _classes(place: str, value: Any) -> tuple[tuple[str, ...] | None, bool]:
    """Returns the names of the classes, and whether they are learned."""
    if value is None or value == LEARNED:
        return None, value == LEARNED
    place = f"{place}: classes"
    names = tuple(name.strip() for name in checks.texts(place, value))
    if len(names) < 2 or not all(names):
        checks.fail(place, f"at least two names, or {LEARNED}", value)
    checks.distinct(place, "class", names)
    return names, False


def _positive(place: str, value: Any) -> tuple[Any, ...] | None:
    if value is None:
        return None
    values = tuple(value) if isinstance(value, (list, tuple)) else (value,)
    if not values or not all(isinstance(each, (str, bool, int, float)) for each in values):
        checks.fail(f"{place}: positive", "the value that means 1, or a list of values", value)
    return tuple(_WORDS.get(str(each).strip().lower(), each) for each in values)
