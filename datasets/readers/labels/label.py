"""The label of a task: what its declaration says, and how cells become labels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np

MISSING = -100  # in a row without a label, if the task has classes; numbers are NaN there
KINDS = ("binary", "multiclass", "regression", "count")
TRUE, FALSE = ("true", "yes", "on"), ("false", "no", "off")


class CellError(ValueError):
    """A cell is invalid.

    Attributes:
        row: the cell's row in its block.
    """

    def __init__(self, row: int, message: str):
        super().__init__(message)
        self.row = int(row)


@dataclass(frozen=True)
class Label:
    """The label of one task.

    Attributes:
        task: the task's name.
        name: the name of the label column.
        column: the position of the label column.
        kind: the task's type, one of `KINDS`.
        class_num: number of classes; None for numbers, and until classes are learned.
        classes: the names of the classes, in the order of their numbers; None without names.
        learned: whether the classes follow from the training files.
        positive: the values that mean 1, as in the YAML; None for 1 and true.
        missing: the number that means no label; None without one.
        weight: the column of the rows' weights; None without one.
        rows: the task that must have label 1 in a row for the row to count; None for all rows.
    """

    task: str
    name: str
    column: int
    kind: str = "binary"
    class_num: int | None = 2
    classes: tuple[str, ...] | None = None
    learned: bool = False
    positive: tuple[Any, ...] | None = None
    missing: float | None = None
    weight: str | None = None
    rows: str | None = None

    @property
    def is_number(self) -> bool:
        """Whether labels are real numbers, float32; they are classes, int64, otherwise."""
        return self.kind in KINDS[2:]

    @property
    def meaning(self) -> tuple:
        """Everything that a cell's label depends on."""
        meaning = (self.name, self.kind, self.class_num, self.classes, self.positive)
        return (*meaning, self.missing)

    @property
    def expected(self) -> str:
        """What a cell must be, for errors."""
        if self.kind == "binary":
            return "a label 0 or 1" if self.positive is None else "a label true or false"
        if self.classes is None:
            return f"a class from 0 to {self.class_num - 1}"
        names = ", ".join(self.classes[:10])
        return f"a class, {names}{', ...' if len(self.classes) > 10 else ''}"

    def error(self, row: int, found: Any) -> CellError:
        """Returns the error of a cell that is not a label of the task."""
        keys = "positive or missing_label" if self.kind == "binary" else "missing_label"
        advice = f"task {self.task}: set its {keys}, or leave cells without a label empty"
        return CellError(row, f"expected {self.expected}, found {found} ({advice})")

    def is_missing(self, text: str) -> bool:
        """Returns whether a text is the number that means no label."""
        return self.missing is not None and as_number(text) == self.missing

    def of_text(self, text: str) -> int | None:
        """Returns the class of a text, `MISSING` for no label; None if it is not a class."""
        if self.is_missing(text):
            return MISSING
        number = as_number(text)
        if self.kind == "binary" and self.positive is not None:
            return self._is_positive(text, number)
        if self.kind == "binary":
            return {"true": 1, "false": 0}.get(text.lower(), {0.0: 0, 1.0: 1}.get(number))
        whole = int(number) if np.isfinite(number) and number == np.floor(number) else None
        place = self._places.get(text, self._places.get(str(whole)))
        if place is not None:
            return place
        return whole if whole is not None and 0 <= whole < self._numbered else None

    def of_numbers(self, numbers: np.ndarray) -> np.ndarray:
        """Returns the labels in a column of numbers, ``[n, 1]`` int64 or float32.

        Args:
            numbers: ``[n, 1]``; NaN where there is no label.

        Raises:
            CellError: a number is not a label of the task.
        """
        if self._is_plain:
            ones = numbers == 1
            if (ones | (numbers == 0)).all():
                return ones.astype(np.int64)
        absent = np.isnan(numbers)
        if self.missing is not None:
            absent = absent | (numbers == self.missing)
        if self.is_number:
            labels = np.where(absent, np.float32(np.nan), numbers).astype(np.float32)
            if self.kind == "count":
                check_counts(labels[:, 0])
            return labels
        if self.kind == "multiclass":
            valid = (numbers >= 0) & (numbers < self.class_num) & (numbers == np.floor(numbers))
            labels = np.where(valid & ~absent, numbers, MISSING).astype(np.int64)
        else:
            positives = [1] if self.positive is None else [*map(as_number, self.positive)]
            exact = numbers.dtype if numbers.dtype.kind == "f" else np.float64
            labels = np.isin(numbers, np.array(positives, exact)).astype(np.int64)
            valid = (labels == 1) | (numbers == 0) if self._is_closed else ~absent
            labels[absent] = MISSING
        wrong = ~(valid | absent)
        if wrong.any():
            row = int(np.argmax(wrong))
            raise self.error(row, f"{numbers[row, 0]:.8g}")
        return labels

    @cached_property
    def _is_plain(self) -> bool:
        """Whether the labels are 0 and 1, and neither means something else."""
        return self.kind == "binary" and self.positive is None and self.missing not in (0, 1)

    @property
    def _is_closed(self) -> bool:
        """Whether the negative values are known too, so that others are errors."""
        return self.positive is None or all(isinstance(value, bool) for value in self.positive)

    @cached_property
    def _places(self) -> dict[str, int]:
        return {name: place for place, name in enumerate(self.classes or ())}

    @cached_property
    def _numbered(self) -> int:
        """The number of classes that a cell may name by their number."""
        has_number = any(as_number(name) == as_number(name) for name in self._places)
        return 0 if has_number else self.class_num

    def _is_positive(self, text: str, number: float) -> int | None:
        for value in self.positive:
            if isinstance(value, bool):
                found = text.lower() in (TRUE if value else FALSE) or number == value
            else:
                found = text == str(value).strip() or number == as_number(value)
            if found:
                return 1
        if self._is_closed and text.lower() not in TRUE + FALSE and number not in (0, 1):
            return None
        return 0


def weight_columns(labels: Sequence[Label]) -> list[str]:
    """Returns the distinct columns of weights, in the order of the tasks that use them first."""
    return list(dict.fromkeys(label.weight for label in labels if label.weight is not None))


def check_counts(numbers: np.ndarray) -> None:
    """Raises a CellError if a number ``[n]`` is negative; NaN is not."""
    if (numbers < 0).any():
        row = np.argmax(numbers < 0)
        raise CellError(row, f"expected a count of at least 0, found {numbers[row]:.8g}")


def check_weights(numbers: np.ndarray) -> None:
    """Raises a CellError if a weight ``[n]`` is missing (NaN) or negative."""
    wrong = ~(numbers >= 0)
    if wrong.any():
        row = np.argmax(wrong)
        found = "nothing" if np.isnan(numbers[row]) else f"{numbers[row]:.8g}"
        advice = "write 1 for a usual row and 0 for one that must not count"
        raise CellError(row, f"expected a weight of at least 0, found {found} ({advice})")


def as_number(value: Any) -> float:
    """Returns the number that a value or its text is; NaN if it is none."""
    try:
        return np.nan if "_" in str(value) else float(value)
    except (ValueError, OverflowError):
        return np.nan
