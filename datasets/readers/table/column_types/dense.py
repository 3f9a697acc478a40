"""The entries of ``hyper_parameters.table.dense``."""

from __future__ import annotations

from dataclasses import dataclass

from datasets.readers import checks
from datasets.readers.table.column_types.block import KEY


@dataclass(frozen=True)
class Dense:
    """A column of numbers.

    Attributes:
        name: the column.
        fill: the value of a missing number: ``mean`` of the training rows, or a number.
    """

    name: str
    fill: str | float = "mean"

    def check(self) -> None:
        """Raises a ValueError if a setting cannot be used."""
        number = isinstance(self.fill, (int, float)) and not isinstance(self.fill, bool)
        if self.fill != "mean" and not (number and abs(self.fill) < 1e38):
            checks.fail(f"{KEY}.dense: {self.name}: fill", "mean or a number", self.fill)
