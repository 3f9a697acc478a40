"""The tasks of a multi-task model, as its YAML names them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Task:
    """One thing that a model predicts.

    Attributes:
        name: what every log line, output and metric calls it (`auc_<name>`).
        label_column: the column of the data file that holds its label; readers look there.
        weight: its share of the loss.
        rows: the task that must have label 1 in a row for the row to count, in loss and metric:
            conversion is learned, or judged, on what was clicked. None: all rows count.
    """

    name: str
    label_column: int
    weight: float = 1.0
    rows: str | None = None


# What the YAMLs of PaddleRec, which name no tasks, mean.
INCOME_MARITAL = (Task("income", label_column=1), Task("marital", label_column=0))


def tasks_of(config) -> tuple[Task, ...]:
    """Returns the tasks under ``hyper_parameters.tasks``, in their order.

    Raises:
        ValueError: an entry is malformed, or two have one name.
    """
    entries = config.get("hyper_parameters.tasks")
    if entries is None:
        return INCOME_MARITAL
    tasks = tuple(_task(entry) for entry in entries) if isinstance(entries, list) else ()
    if not tasks:
        raise ValueError(f"hyper_parameters.tasks: expected a list of tasks, found {entries!r}")
    names = [task.name for task in tasks]
    if len(set(names)) != len(names):
        raise ValueError(f"hyper_parameters.tasks: two tasks have one name: {', '.join(names)}")
    for task in tasks:
        if task.rows is not None and (task.rows not in names or task.rows == task.name):
            raise ValueError(
                f"hyper_parameters.tasks: {task.name}: rows: expected the name of another task, "
                f"found {task.rows!r}"
            )
    return tasks


IGNORED = -100  # the label of a row that does not count: what cross-entropy skips


def conditions(tasks: tuple[Task, ...]) -> list[tuple[int, int]]:
    """Returns the tasks that count on some rows only, each with the task that says which."""
    names = [task.name for task in tasks]
    return [
        (place, names.index(task.rows)) for place, task in enumerate(tasks) if task.rows is not None
    ]


def _task(entry) -> Task:
    required = {"name": str, "label_column": int}
    optional = {"weight": (int, float), "rows": str}
    kinds = {**required, **optional}
    keys = set(entry) if isinstance(entry, dict) else set()
    if not required.keys() <= keys <= kinds.keys() or not all(
        isinstance(value, kinds[key]) and not isinstance(value, bool)
        for key, value in entry.items()
    ):
        raise ValueError(
            "hyper_parameters.tasks: expected entries of name (text), label_column (integer) "
            f"and, if need be, weight (number) and rows (a task's name), found {entry!r}"
        )
    task = Task(**entry)
    if not 0 <= task.weight < float("inf"):
        raise ValueError(
            f"hyper_parameters.tasks: {task.name}: expected a weight of at least 0, "
            f"found {task.weight!r}"
        )
    return task
