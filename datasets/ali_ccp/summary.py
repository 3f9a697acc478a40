"""Summarises a file in Ali-CCP's format: rates, largest id, features a line."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from datasets.ali_ccp.columns import FIELDS, LABELS, VOCABULARY, Kept

_LARGEST_COUNT = 100  # features of a field in a line that are counted
KEPT = [Kept(name, _LARGEST_COUNT) for name in FIELDS]


class Summary:
    """Statistics of the rows that `parsed_blocks` returns for ``KEPT``."""

    def __init__(self):
        self.rows = 0
        self._labels = np.zeros(len(LABELS), np.int64)
        self._largest = 0
        self._features = np.zeros(len(FIELDS), np.int64)  # of each field in all rows
        self._most = np.zeros(len(FIELDS), np.int64)  # the largest number in one row

    def add(self, rows: np.ndarray) -> None:
        """Adds rows ``[n, 2 + 23 * 100]``."""
        if not len(rows):
            return
        ids = rows[:, len(LABELS) :]
        counts = (ids > 0).reshape(len(rows), len(FIELDS), _LARGEST_COUNT).sum(axis=2)
        self.rows += len(rows)
        self._labels += rows[:, : len(LABELS)].sum(axis=0)
        self._largest = max(self._largest, int(ids.max()))
        self._features += counts.sum(axis=0)
        self._most = np.maximum(self._most, counts.max(axis=0))

    def check(self, path: Path) -> None:
        """Raises a ValueError if the file has no rows, or no field of Ali-CCP."""
        if not self.rows:
            raise ValueError(f"{path}: the file holds no rows")
        if not self._features.any():
            raise ValueError(f"{path}: no line has a field of Ali-CCP, such as {FIELDS[0]}")

    def report(self) -> Iterator[str]:
        """Yields lines for the user."""
        click, conversion = 100 * self._labels / self.rows
        yield f"clicked {click:.3f} %, clicked and bought {conversion:.3f} %"
        beyond = "" if self._largest < VOCABULARY else f": above {VOCABULARY - 1}, see README.md"
        yield f"largest id {self._largest}{beyond}"
        for name, features, most in zip(FIELDS, self._features, self._most):
            if most > 1:
                many = f"{most} or more" if most == _LARGEST_COUNT else str(most)
                yield f"field {name}: {features / self.rows:.2f} features a line, at most {many}"
        missing = [name for name, most in zip(FIELDS, self._most) if not most]
        if missing:
            yield f"fields in no line: {', '.join(missing)}"
