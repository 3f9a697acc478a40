"""What is read of a table besides its features: the tasks' labels, and weights of rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from datasets.readers import checks
from datasets.readers.labels.declarations import LEARNED, TASKS, labels_of
from datasets.readers.labels.label import Label, weight_columns
from datasets.readers.table.arrow import pa
from datasets.readers.table.cells import label_cells
from datasets.readers.table.cells.categories import located
from datasets.readers.table.columns import KEY, Table
from datasets.readers.table.files import Place

Classes = Mapping[str, Mapping[str, Any]]  # by task: column, missing_label and names


@dataclass(frozen=True)
class Targets:
    """The labels of the tasks and the weights of the rows.

    Attributes:
        labels: each task's label.
        missing: texts that mean a missing label.
    """

    labels: tuple[Label, ...]
    missing: tuple[str, ...]

    @cached_property
    def stored(self) -> list[Label]:
        """The labels of which no two are read in the same way, in an order of their own."""
        by_meaning = {repr(label.meaning): label for label in self.labels}
        return [by_meaning[meaning] for meaning in sorted(by_meaning)]

    @cached_property
    def places(self) -> list[int]:
        """The place of each task's label among those that are stored."""
        meanings = [label.meaning for label in self.stored]
        return [meanings.index(label.meaning) for label in self.labels]

    @cached_property
    def weights(self) -> list[str]:
        """The distinct columns of weights."""
        return weight_columns(self.labels)

    @property
    def label_names(self) -> list[str]:
        """The distinct label columns."""
        return list(dict.fromkeys(label.name for label in self.labels))

    @property
    def names(self) -> list[str]:
        """All distinct columns."""
        return list(dict.fromkeys([*self.label_names, *self.weights]))

    @property
    def form(self) -> str:
        """A text that identifies what `encoded` returns for a file."""
        return repr(([label.meaning for label in self.stored], self.weights))

    @property
    def width(self) -> int:
        """The number of columns that `encoded` returns."""
        return len(self.stored) + len(self.weights)

    def encoded(self, columns: Mapping[str, pa.Array], rows: int, place: Place) -> list[np.ndarray]:
        """Returns labels and weights of a batch, ``[rows]`` int32 each.

        Args:
            columns: the batch's columns by name. Those of `names` may lack: the rows then have no
                label, or weight 1.
            rows: the batch's rows.
            place: returns the place of a row.

        Raises:
            ValueError: a cell is invalid.
        """
        parts = []
        for label in self.stored:
            if label.name not in columns:
                parts.append(label_cells.absent(label, rows))
                continue
            with located(place, label.name):
                parts.append(label_cells.labels(columns[label.name], label, self.missing))
        for name in self.weights:
            if name not in columns:
                parts.append(label_cells.unweighted(rows))
                continue
            with located(place, name):
                parts.append(label_cells.weights(columns[name], self.missing))
        return parts

    def learned_from(self, classes: Classes, all_tasks: bool = True) -> Targets:
        """Returns the targets with the classes that were learned.

        Args:
            classes: the classes.
            all_tasks: whether every task needs its classes there. If not, the others are still to
                be learned.

        Raises:
            ValueError: a task's classes are to be learned and were not.
        """
        learned = []
        for label in self.labels:
            if label.learned and (all_tasks or label.task in classes):
                found = classes.get(label.task, {})
                if not is_learned_as(label, found):
                    raise ValueError(
                        f"{TASKS}: {label.task}: classes: {LEARNED}, but the vocabulary of the "
                        f"checkpoint has none of column {label.name}: write them as a list"
                    )
                names = tuple(found["names"])
                label = replace(label, classes=names, class_num=len(names), learned=False)
            learned.append(label)
        return replace(self, labels=tuple(learned))


def targets_of(config, table: Table) -> Targets:
    """Returns the labels and weights of a configuration.

    Raises:
        ValueError: a task's declaration is malformed, or a weight is a feature.
    """
    labels = labels_of(config, table.labels, default_tasks(table))
    for name in weight_columns(labels):
        if name in table.features:
            hint = "it is the weight of the rows: remove it here"
            keys = f"{KEY}.dense, sparse and rates"
            checks.fail(keys, "columns that are no weights", name, hint)
    return Targets(tuple(labels), table.missing or ())


def default_tasks(table: Table) -> list[dict[str, Any]]:
    """Returns the tasks if the YAML has none: one a label column."""
    return [{"name": name, "label_column": place} for place, name in enumerate(table.labels)]


def is_learned_as(label: Label, entry: Mapping[str, Any]) -> bool:
    """Returns whether saved classes come from a label's column, read in the same way."""
    found = (entry.get("column"), entry.get("missing_label"))
    return found == (label.name, label.missing)


def completed_tasks(config, targets: Targets) -> Sequence[Mapping[str, Any]] | None:
    """Returns the tasks of the YAML with the classes that were learned; None if none were.

    Args:
        config: the configuration of the YAML.
        targets: the result of `Targets.learned_from`.
    """
    tasks = config.get(TASKS)
    if not any(task.get("classes") == LEARNED for task in tasks):
        return None
    return [
        {**task, "classes": list(label.classes), "class_num": label.class_num}
        if task.get("classes") == LEARNED
        else task
        for task, label in zip(tasks, targets.labels)
    ]
