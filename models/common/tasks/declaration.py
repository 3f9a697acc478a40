"""The tasks of a model, as the YAML declares them."""

from __future__ import annotations

from dataclasses import dataclass

from models.common.hyper_parameters import SECTION, value

KEY = f"{SECTION}.tasks"
IGNORED = -100  # the label of a row that does not count; cross-entropy skips it


@dataclass(frozen=True)
class Task:
    """One prediction of a model.

    Attributes:
        name: its name in log lines, outputs and metrics (`auc_<name>`).
        label_column: the column of the data file that holds its label; readers use it.
        weight: its weight in the loss.
        rows: the task that must have label 1 in a row for the row to count, in loss and metric.
            Conversion, for example, counts where there was a click. None: all rows count.
    """

    name: str
    label_column: int
    weight: float = 1.0
    rows: str | None = None


# The tasks of PaddleRec's YAMLs, which name none.
INCOME_MARITAL = (Task("income", label_column=1), Task("marital", label_column=0))

_TYPES = {"name": str, "label_column": int, "weight": (int, float), "rows": str}

_EXPECTED = {"name": "a text", "label_column": "an integer", "weight": "a number"}
_EXPECTED["rows"] = "the name of a task"


def tasks_of(config) -> tuple[Task, ...]:
    """Returns the tasks under ``hyper_parameters.tasks``, in their order.

    Raises:
        ValueError: an entry is malformed, or two tasks have one name.
    """
    entries = value(config, "tasks")
    if entries is None:
        return INCOME_MARITAL
    if not isinstance(entries, list) or not entries:
        raise ValueError(f"{KEY}: expected a list of tasks, found {entries!r}")
    tasks = tuple(_task(entry) for entry in entries)
    names = [task.name for task in tasks]
    if len(set(names)) != len(names):
        raise ValueError(f"{KEY}: two tasks have one name: {', '.join(names)}")
    for task in tasks:
        if task.rows is not None and (task.rows not in names or task.rows == task.name):
            raise ValueError(
                f"{KEY}: {task.name}: rows: expected the name of another task, found {task.rows!r}"
            )
    if not any(task.weight for task in tasks):
        raise ValueError(f"{KEY}: every task has weight 0: no task would be trained")
    partial = [task.name for task in tasks if task.rows is not None]
    for task in tasks:
        if task.rows in partial:
            raise ValueError(
                f"{KEY}: {task.name}: rows: expected a task that counts in all rows, but "
                f"{task.rows} has rows of its own"
            )
    return tasks


def conditions(tasks: tuple[Task, ...]) -> list[tuple[int, int]]:
    """Returns the tasks that count in some rows only, each with the task that decides."""
    names = [task.name for task in tasks]
    return [
        (place, names.index(task.rows)) for place, task in enumerate(tasks) if task.rows is not None
    ]


def _task(entry) -> Task:
    if not isinstance(entry, dict) or not {"name", "label_column"} <= set(entry):
        raise ValueError(
            f"{KEY}: expected entries of name (text), label_column (integer) "
            f"and, if need be, weight (number) and rows (a task's name), found {entry!r}"
        )
    for key, found in entry.items():
        place = f"{KEY}: {entry['name']}"
        if key not in _TYPES:
            raise ValueError(f"{place}: unknown key {key}; a task has {', '.join(_TYPES)}")
        if not isinstance(found, _TYPES[key]) or isinstance(found, bool):
            raise ValueError(f"{place}: {key}: expected {_EXPECTED[key]}, found {found!r}")
    task = Task(**entry)
    if not task.name.strip():
        raise ValueError(f"{KEY}: expected a name that is not empty, found {task.name!r}")
    if task.label_column < 0:
        raise ValueError(
            f"{KEY}: {task.name}: label_column: expected an integer of at least 0, "
            f"found {task.label_column}"
        )
    if not 0 <= task.weight < float("inf"):
        raise ValueError(
            f"{KEY}: {task.name}: expected a weight of at least 0, found {task.weight!r}"
        )
    return task
