"""The tasks of a model, as the YAML declares them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

from datasets.readers.labels.declarations import LEARNED  # the reader of a table knows the classes
from datasets.readers.labels.label import KINDS, MISSING
from models.common.hyper_parameters import SECTION, value

KEY = f"{SECTION}.tasks"
IGNORED = MISSING  # the label of a row that does not count; cross-entropy skips it
TYPES = KINDS
TRANSFORMS = ("log1p", "standardize")
MOST_CLASSES = 100_000  # each has an output of its own


@dataclass(frozen=True)
class Task:
    """One prediction of a model; docs/tasks.md explains the keys.

    Attributes:
        name: its name in log lines, outputs and metrics (`auc_<name>`).
        label_column: the column of the data file that holds its label; readers use it.
        weight: its weight in the loss.
        rows: the binary task that must have label 1 in a row for the row to count, in loss and
            metric. Conversion, for example, counts where there was a click. None: all rows count.
        type: ``binary`` (0 or 1), ``multiclass``, ``regression`` (a real number) or ``count``.
        class_num: the number of classes; 2 of a binary task, 0 of numbers.
        classes: the classes' names; empty if they have numbers only.
        loss: the name of its loss, or a mapping with its ``name`` and options; None for the
            default of its type.
        label_smoothing: the share of a label's weight that all classes get alike.
        positive_weight: the factor of the loss in rows with label 1.
        class_weights: the factor of the loss in rows of each class; empty for 1.
        transform: what is done to a number before the loss, in this order; predictions are
            transformed back.
        sample_weight: the column of its rows' weights; None for that of the table, or 1.
        positive: the text that means label 1; readers use it.
        missing_label: the number that means that a row has no label; readers use it.
        parents: earlier tasks that it depends on, for nets that use them.
        group: the name of its group of tasks, for nets that use it.
    """

    name: str
    label_column: int
    weight: float = 1.0
    rows: str | None = None
    type: str = "binary"
    class_num: int = 2
    classes: tuple[str, ...] = ()
    loss: Any = None
    label_smoothing: float = 0.0
    positive_weight: float = 1.0
    class_weights: tuple[float, ...] = ()
    transform: tuple[str, ...] = ()
    sample_weight: str | None = None
    positive: Any = None
    missing_label: float | None = None
    parents: tuple[str, ...] = ()
    group: str | None = None

    @property
    def is_number(self) -> bool:
        """Whether its label is a number and not a class."""
        return self.type in ("regression", "count")

    @property
    def columns(self) -> list[str]:
        """The names of the columns of its predictions: one, or one for each of several classes."""
        if self.type != "multiclass":
            return [self.name]
        return [f"{self.name}_{each}" for each in self.classes or range(self.class_num)]

    def facts(self) -> dict[str, Any]:
        """Returns what commands need to know of it: type, classes and which rows count."""
        classes = list(self.classes) or None
        facts = {"name": self.name, "type": self.type, "classes": classes}
        return {**facts, "class_num": self.class_num, "rows": self.rows}

    def meaning(self) -> dict[str, Any]:
        """Returns what a checkpoint records of it: the meaning of its outputs.

        Values that tasks had before they had types are left out, so that old records stay valid.
        """
        meaning = {"name": self.name, "label_column": self.label_column}
        if self.type != "binary" or self.classes:
            kept = {"type": self.type, "class_num": self.class_num, "classes": list(self.classes)}
            meaning.update(kept, transform=list(self.transform))
        name = self.loss.get("name") if isinstance(self.loss, Mapping) else self.loss
        return {**meaning, "loss": name} if self.is_number and name else meaning


# The tasks of PaddleRec's YAMLs, which name none.
INCOME_MARITAL = (Task("income", label_column=1), Task("marital", label_column=0))

_NUMBER, _TEXT = (int, float), str
_KINDS = {  # the values' types and what an error calls them
    "name": (_TEXT, "a text"),
    "label_column": (int, "an integer of at least 0"),
    "weight": (_NUMBER, "a number of at least 0"),
    "rows": (_TEXT, "the name of a task"),
    "type": (_TEXT, f"{', '.join(TYPES[:-1])} or {TYPES[-1]}"),
    "class_num": (int, f"an integer from 2 to {MOST_CLASSES}"),
    "classes": ((list, tuple, str), f"a list of texts, or {LEARNED}"),
    "loss": ((_TEXT, Mapping), "the name of a loss, or a mapping with its name and options"),
    "label_smoothing": (_NUMBER, "a number in [0, 1)"),
    "positive_weight": (_NUMBER, "a positive number"),
    "class_weights": ((list, tuple), "a list of positive numbers, one a class"),
    "transform": ((_TEXT, list, tuple), "log1p, standardize or [log1p, standardize]"),
    "sample_weight": (_TEXT, "the name of a column"),
    "positive": ((_TEXT, int, float, bool, list, tuple), "the value that means label 1"),
    "missing_label": (_NUMBER, "a number"),
    "parents": ((list, tuple), "a list of earlier tasks"),
    "group": (_TEXT, "a text"),
}
_OF_TYPES = {  # keys that have an effect in tasks of some types only
    "class_num": ("multiclass",),
    "classes": ("multiclass",),
    "class_weights": ("multiclass",),
    "positive_weight": ("binary",),
    "positive": ("binary",),
    "label_smoothing": ("binary", "multiclass"),
    "transform": ("regression",),
}


def tasks_of(config) -> tuple[Task, ...]:
    """Returns the tasks under ``hyper_parameters.tasks``, in their order.

    Raises:
        ValueError: an entry is malformed, or two tasks have one name.
    """
    entries = value(config, "tasks")
    if entries is None:
        tasks = tuple(_with_defaults(task, {}, config) for task in INCOME_MARITAL)
    elif not isinstance(entries, list) or not entries:
        raise ValueError(f"{KEY}: expected a list of tasks, found {entries!r}")
    else:
        tasks = tuple(_task(entry, config) for entry in entries)
    _check_names(tasks)
    if not any(task.weight for task in tasks):
        raise ValueError(f"{KEY}: every task has weight 0: no task would be trained")
    return tasks


def conditions(tasks: Sequence[Task]) -> list[tuple[int, int]]:
    """Returns the tasks that count in some rows only, each with the task that decides."""
    names = [task.name for task in tasks]
    return [
        (place, names.index(task.rows)) for place, task in enumerate(tasks) if task.rows is not None
    ]


def weight_columns(tasks: Sequence[Task], config) -> tuple[list[str], list[int | None]]:
    """Returns the columns of sample weights, and the place among them of each task's.

    A reader yields them in this order, after the labels. A task without weights has None.
    """
    of_table = value(config, "table.sample_weight")
    named = [task.sample_weight or of_table for task in tasks]
    columns = list(dict.fromkeys(name for name in named if name is not None))
    return columns, [None if name is None else columns.index(name) for name in named]


def _task(entry, config) -> Task:
    if not isinstance(entry, Mapping) or not {"name", "label_column"} <= set(entry):
        raise ValueError(
            f"{KEY}: expected entries of name (text), label_column (integer) and, if need be, "
            f"{', '.join(key for key in _KINDS if key not in ('name', 'label_column'))}, "
            f"found {entry!r}"
        )
    name = entry["name"]
    given = {key: each for key, each in entry.items() if each is not None}
    for key, found in given.items():
        if key not in _KINDS:
            raise ValueError(f"{KEY}: {name}: unknown key {key}; a task has {', '.join(_KINDS)}")
        kinds, expected = _KINDS[key]
        allows_flags = key == "positive"
        if not isinstance(found, kinds) or (isinstance(found, bool) and not allows_flags):
            _fail(name, key, expected, found)
    if not name.strip():
        raise ValueError(f"{KEY}: expected a name that is not empty, found {name!r}")
    for key in ("classes", "class_weights", "parents", "transform"):
        if key in given and not isinstance(given[key], tuple):
            listed = isinstance(given[key], list)
            given[key] = tuple(given[key]) if listed else (given[key],)
    task = _with_defaults(Task(**given), given, config)
    _check_values(task)
    for key, types in _OF_TYPES.items():
        if key in given and task.type not in types:
            if given[key] == _DEFAULTS[key]:
                continue
            hint = f": the task is {task.type}"
            raise ValueError(
                f"{KEY}: {name}: {key}: it has an effect with type {' or '.join(types)} only{hint}"
            )
    return task


_DEFAULTS = {field.name: field.default for field in fields(Task)}


def _with_defaults(task: Task, given: Mapping[str, Any], config) -> Task:
    """Returns a task with the values that follow from others or from the shared ones."""
    shared = value(config, "class_num")
    kind = task.type if "type" in given else "multiclass" if _is_many(given, shared) else "binary"
    task = replace(task, type=kind)
    if kind not in TYPES:
        _fail(task.name, "type", _KINDS["type"][1], kind)
    if task.is_number:
        return replace(task, class_num=0)
    if "label_smoothing" not in given:
        task = replace(task, label_smoothing=value(config, "label_smoothing"))
    if kind == "binary":
        return replace(task, class_num=2)
    if task.classes == (LEARNED,):
        raise ValueError(
            f"{KEY}: {task.name}: classes: learned: only the reader of a table learns classes"
        )
    if task.classes and "class_num" in given and task.class_num != len(task.classes):
        _fail(task.name, "class_num", f"{len(task.classes)}, the number of classes", task.class_num)
    number = len(task.classes) or given.get("class_num", shared)
    if "class_num" not in given and not task.classes and shared == 2:
        raise ValueError(
            f"{KEY}: {task.name}: class_num: a multiclass task needs class_num, or classes"
        )
    return replace(task, class_num=number)


def _is_many(given: Mapping[str, Any], shared: Any) -> bool:
    """Returns whether a task without a type has several classes."""
    number = given.get("class_num", shared)
    return bool(given.get("classes")) or (isinstance(number, int) and number > 2)


def _check_values(task: Task) -> None:
    """Raises a ValueError if a value is out of range."""
    weights = task.class_weights
    valid = {
        "label_column": task.label_column >= 0,
        "weight": 0 <= task.weight < float("inf"),
        "class_num": task.is_number or 2 <= task.class_num <= MOST_CLASSES,
        "label_smoothing": isinstance(task.label_smoothing, _NUMBER)
        and 0 <= task.label_smoothing < 1,
        "positive_weight": 0 < task.positive_weight < float("inf"),
        "class_weights": not weights
        or (len(weights) == task.class_num and all(_is_positive(each) for each in weights)),
        "classes": all(isinstance(each, str) for each in task.classes)
        and len(set(task.classes)) == len(task.classes),
        "transform": list(task.transform)
        == [each for each in TRANSFORMS if each in task.transform],
        "missing_label": task.missing_label is None or abs(task.missing_label) < float("inf"),
    }
    for key, is_valid in valid.items():
        if not is_valid:
            found = getattr(task, key)
            found = list(found) if isinstance(found, tuple) else found
            _fail(task.name, key, _KINDS[key][1], found)


def _is_positive(number: Any) -> bool:
    is_number = isinstance(number, _NUMBER) and not isinstance(number, bool)
    return is_number and 0 < number < float("inf")


def _check_names(tasks: Sequence[Task]) -> None:
    """Raises a ValueError if tasks have one name, or name a task that does not fit."""
    by_name = {task.name: task for task in tasks}
    if len(by_name) < len(tasks):
        names = ", ".join(task.name for task in tasks)
        raise ValueError(f"{KEY}: two tasks have one name: {names}")
    columns: dict[str, str] = {}
    for task, column in ((each, column) for each in tasks for column in each.columns):
        other = columns.setdefault(column, task.name)
        if other != task.name:
            both = f"the predictions of {other} and {task.name} would both have a column {column}"
            raise ValueError(f"{KEY}: {task.name}: {both}; rename one of the tasks")
    for place, task in enumerate(tasks):
        other = by_name.get(task.rows)
        if task.rows is not None and (other is None or other is task):
            _fail(task.name, "rows", "the name of another task", task.rows)
        if other is not None and other.type != "binary":
            _fail(task.name, "rows", "a binary task", f"{task.rows} ({other.type})")
        if other is not None and other.rows is not None:
            raise ValueError(
                f"{KEY}: {task.name}: rows: expected a task that counts in all rows, but "
                f"{task.rows} has rows of its own"
            )
        earlier = [each.name for each in tasks[:place]]
        for parent in task.parents:
            if parent not in earlier:
                known = ", ".join(earlier) or "none: it is the first task"
                _fail(task.name, "parents", f"earlier tasks ({known})", parent)


def _fail(task: str, key: str, expected: str, found: Any) -> None:
    raise ValueError(f"{KEY}: {task}: {key}: expected {expected}, found {found!r}")
