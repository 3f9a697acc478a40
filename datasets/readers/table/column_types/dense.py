"""The entries of ``hyper_parameters.table.dense``."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from datasets.readers import checks
from datasets.readers.table.column_types.block import KEY
from datasets.readers.table.column_types.derivations import Derived

_LONGEST = 65_536  # numbers of a vector


@dataclass(frozen=True)
class Dense:
    """A column of numbers.

    Attributes:
        name: the column.
        fill: the value of a missing number: ``mean`` of the training rows, or a number.
        vector: how many numbers each cell holds; None for one number.
        derived: how it is computed from a column of times; None for a column of the files.
    """

    name: str
    fill: str | float = "mean"
    vector: int | None = None
    derived: Derived | None = None

    @property
    def width(self) -> int:
        """How many dense numbers a row has of it."""
        return self.vector or 1

    @property
    def sources(self) -> tuple[str, ...]:
        """The columns of the files that its numbers come from."""
        return self.derived.sources if self.derived else (self.name,)

    @property
    def meaning(self) -> dict[str, Any]:
        """The settings that determine numbers, as JSON; later keys only if they are set."""
        meaning: dict[str, Any] = {"name": self.name, "fill": self.fill}
        if self.vector is not None:
            meaning["vector"] = self.vector
        if self.derived is not None:
            meaning["derived"] = self.derived.meaning
        return meaning

    def check(self, labels: Sequence[str]) -> None:
        """Raises a ValueError if a setting cannot be used.

        Args:
            labels: the columns of labels.
        """
        place = f"{KEY}.dense: {self.name}"
        number = isinstance(self.fill, (int, float)) and not isinstance(self.fill, bool)
        if self.fill != "mean" and not (number and abs(self.fill) < 1e38):
            checks.fail(f"{place}: fill", "mean or a number", self.fill)
        if self.vector is not None:
            checks.integer(f"{place}: vector", self.vector, 1, _LONGEST)
            if self.derived is not None:
                checks.fail(f"{place}: vector", "no value, because derive is set", self.vector)
        for name in self.sources:
            if name in labels:
                checks.fail(place, "columns that are not labels", name)
