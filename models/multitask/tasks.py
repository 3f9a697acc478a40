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
    """

    name: str
    label_column: int
    weight: float = 1.0


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
    return tasks


def _task(entry) -> Task:
    required, optional = {"name": str, "label_column": int}, {"weight": (int, float)}
    kinds = {**required, **optional}
    keys = set(entry) if isinstance(entry, dict) else set()
    if not required.keys() <= keys <= kinds.keys() or not all(
        isinstance(value, kinds[key]) and not isinstance(value, bool)
        for key, value in entry.items()
    ):
        raise ValueError(
            "hyper_parameters.tasks: expected entries of name (text), label_column (integer) "
            f"and, if need be, weight (number), found {entry!r}"
        )
    task = Task(**entry)
    if not 0 <= task.weight < float("inf"):
        raise ValueError(
            f"hyper_parameters.tasks: {task.name}: expected a weight of at least 0, "
            f"found {task.weight!r}"
        )
    return task
