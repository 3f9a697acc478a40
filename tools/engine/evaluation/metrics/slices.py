"""The rows of each value of a column, for ``runner.slice_by``."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

_LARGEST = 20


@dataclass
class Slices:
    """The rows by the values of a column.

    Attributes:
        column: the column.
        groups: the number of each row's value in file order, ``[rows]``; negative without a value.
        names: the values' texts by number; empty if a number is its own text.
    """

    column: str
    groups: np.ndarray
    names: list[str]

    def largest(self) -> Iterator[tuple[str, np.ndarray]]:
        """Yields the values with most rows, and which rows have them; at most 20 values."""
        numbers, _ = self._by_size()
        for number in numbers[:_LARGEST]:
            name = self.names[number] if self.names else str(number)
            yield name, self.groups == number

    def rest(self) -> dict[str, int]:
        """Returns the number of further values, of their rows, and of rows without a value."""
        numbers, rows = self._by_size()
        return {
            "more_values": len(numbers[_LARGEST:]),
            "more_rows": int(rows[_LARGEST:].sum()),
            "rows_without_value": int((self.groups < 0).sum()),
        }

    def _by_size(self) -> tuple[np.ndarray, np.ndarray]:
        numbers, rows = np.unique(self.groups[self.groups >= 0], return_counts=True)
        order = np.argsort(-rows, kind="stable")
        return numbers[order], rows[order]
