"""What the training files say about a label: its classes, and whether a positive one occurs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from datasets.readers import checks
from datasets.readers.labels.declarations import TASKS
from datasets.readers.labels.label import Label
from datasets.readers.table.arrow import pa
from datasets.readers.table.cells import label_cells
from datasets.readers.table.cells.categories import located
from datasets.readers.table.files import Place
from datasets.readers.table.targets import Targets

_SHOWN = 5  # texts in an error


class TrainingLabel:
    """Checks the training cells of a label and collects its texts where they matter.

    Args:
        label: the label.
        missing: texts that mean a missing label.

    Attributes:
        label: the label.
        texts: the distinct texts, if the label's classes are learned or it names positive values.
    """

    def __init__(self, label: Label, missing: Sequence[str]):
        self.label, self.texts = label, set()
        self._missing = missing

    def add(self, columns: Mapping[str, pa.Array], place: Place) -> None:
        """Takes a batch of rows.

        Raises:
            ValueError: a cell is not a label of the task.
        """
        label, column = self.label, columns[self.label.name]
        with located(place, label.name):
            if label.learned or label.positive is not None:
                self.texts |= label_cells.class_names(column, label, self._missing)
            if not label.learned:
                label_cells.labels(column, label, self._missing)

    def check(self) -> None:
        """Raises a ValueError if there are not enough classes, or no cell is positive."""
        label = self.label
        found = ", ".join(map(repr, sorted(self.texts)[:_SHOWN])) or "none"
        if label.learned and len(self.texts) < 2:
            raise ValueError(
                f"column {label.name}: expected at least two classes of the task {label.task} in "
                f"the training rows, found {found}"
            )
        if label.positive and self.texts and not any(map(label.of_text, self.texts)):
            place = f"{TASKS}: {label.task}: positive"
            expected = f"a value of the column {label.name}, such as {found}"
            checks.fail(place, expected, ", ".join(map(str, label.positive)))


def learned_classes(targets: Targets, labels: Sequence[TrainingLabel]) -> dict[str, dict[str, Any]]:
    """Returns the learned classes by task, as `Encoding` has them, after all rows are added.

    Raises:
        ValueError: a label has too few classes, or no cell is positive.
    """
    for label in labels:
        label.check()
    return {
        label.task: {
            "column": label.name,
            "missing_label": label.missing,
            "names": sorted(labels[place].texts),
        }
        for label, place in zip(targets.labels, targets.places)
        if label.learned
    }
