"""Rates of labels by key and day, in which no row sees its own label.

A rate is the mean of a label over the rows of one key, such as the click rate of a user. A training
row takes it from all other training days, a later row from the training days before its own.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

NONE = -1  # the key of a row whose key is missing
NEVER = np.iinfo(np.int64).max  # the day of a row whose day is missing: it sees all training days


@dataclass(frozen=True)
class DailySums:
    """Counts and sums of labels over training rows. A cell is one key on one day.

    Attributes:
        keys: the distinct keys, ascending, ``[keys]`` int64.
        days: the distinct days, ascending, ``[days]`` int64.
        cells: the cells, ascending, ``[cells]`` int64: the key's index times the number of days,
            plus the day's index.
        values: ``[cells, 1 + 2 * labels]`` float64: the number of rows, for each label the number
            of rows that have it, then for each label its sum.
    """

    keys: np.ndarray
    days: np.ndarray
    cells: np.ndarray
    values: np.ndarray

    @classmethod
    def of(cls, key: np.ndarray, day: np.ndarray, labels: np.ndarray) -> DailySums:
        """Returns the sums over training rows.

        Args:
            key: each row's user, item or other key, ``[rows]``: integers. Rows with `NONE` are left
                out.
            day: each row's day, ``[rows]``: integers in the order of time. Rows with `NEVER` are
                left out.
            labels: ``[rows, labels]``, NaN where a label is missing. Missing labels do not count.
        """
        rows = (key != NONE) & (day != NEVER)
        labels = labels[rows]
        present = ~np.isnan(labels)
        columns = [*present.T, *np.where(present, labels, 0).T]
        return cls._added(key[rows], day[rows], [None, *columns])

    @classmethod
    def joined(cls, parts: Sequence[DailySums]) -> DailySums:
        """Returns the sums over the rows of several parts."""
        key = np.concatenate([part.keys[part._key] for part in parts])
        day = np.concatenate([part.days[part._day] for part in parts])
        return cls._added(key, day, list(np.concatenate([part.values for part in parts]).T))

    @classmethod
    def _added(
        cls, key: np.ndarray, day: np.ndarray, columns: Sequence[np.ndarray | None]
    ) -> DailySums:
        """Returns the sums of columns ``[rows]`` by cell; None counts the rows."""
        keys, key = np.unique(key.astype(np.int64), return_inverse=True)
        days, day = np.unique(day.astype(np.int64), return_inverse=True)
        cells, cell = np.unique(key * len(days) + day, return_inverse=True)
        sums = [np.bincount(cell, column, len(cells)) for column in columns]
        return cls(keys, days, cells, np.stack(sums, axis=1).astype(np.float64))

    def other_days(self, key: np.ndarray, day: np.ndarray, smoothing: float) -> np.ndarray:
        """Returns the rates of training rows, from the training days other than the row's own.

        Args:
            key: each row's key, ``[rows]``.
            day: each row's day, ``[rows]``.
            smoothing: the number of rows with the mean over all keys that are added to each key.

        Returns:
            ``[rows, 1 + labels]`` float64: log(1 + number of rows of the key), then for each label
            the difference of the key's smoothed mean to the mean over all keys:

                (sum + smoothing * mean) / (number + smoothing) - mean
                = (sum - number * mean) / (number + smoothing)

            Only the days that the row sees are counted, also in the mean over all keys. All numbers
            are 0 for a key without rows on these days.
        """
        return self._rates(key, day, smoothing, later=True)

    def earlier_days(self, key: np.ndarray, day: np.ndarray, smoothing: float) -> np.ndarray:
        """Returns the rates of later rows, from the training days before the row's own.

        It is like `other_days`.
        """
        return self._rates(key, day, smoothing, later=False)

    def _rates(self, key: np.ndarray, day: np.ndarray, smoothing: float, later: bool) -> np.ndarray:
        """Returns the rates from the days before the row's own, or also from the later ones."""
        labels = self.values.shape[1] // 2
        found = np.zeros((len(key), 1 + labels))
        if not len(self.keys):
            return found
        place = np.searchsorted(self.keys, key)
        place[place == len(self.keys)] = 0
        known = np.flatnonzero(self.keys[place] == key)
        # Rows of one key and one day have equal rates.
        days, day = np.unique(day[known], return_inverse=True)
        pairs, row = np.unique(place[known] * len(days) + day, return_inverse=True)
        place, day = pairs // len(days), pairs % len(days)
        before, after = (np.searchsorted(self.days, days, side) for side in ("left", "right"))
        parts = [(1, before)]
        if later:
            parts += [(1, np.full_like(after, len(self.days))), (-1, after)]
        of_key = sum(sign * self._until(place, bound[day]) for sign, bound in parts)
        of_all = sum(sign * self._of_days[bound] for sign, bound in parts)
        mean = of_all[:, 1 + labels :] / np.maximum(of_all[:, 1 : 1 + labels], 1)
        number, total = of_key[:, 1 : 1 + labels], of_key[:, 1 + labels :]
        rates = np.zeros((len(pairs), 1 + labels))
        rates[:, 0] = np.log1p(of_key[:, 0])
        np.divide(total - number * mean[day], number + smoothing, rates[:, 1:], where=number > 0)
        found[known] = rates[row]
        return found

    def _until(self, place: np.ndarray, bound: np.ndarray) -> np.ndarray:
        """Returns the sums of keys, given by index, over the first ``bound`` days."""
        cell = np.searchsorted(self.cells, place * len(self.days) + bound)
        return self._running[cell + place]  # each key has one entry more than it has cells

    @cached_property
    def _of_days(self) -> np.ndarray:
        """The sums over all keys of the first 0, 1, ... days."""
        sums = np.zeros((1 + len(self.days), self.values.shape[1]))
        np.add.at(sums, 1 + self._day, self.values)
        return sums.cumsum(axis=0)

    @property
    def _key(self) -> np.ndarray:
        return self.cells // max(len(self.days), 1)

    @property
    def _day(self) -> np.ndarray:
        return self.cells % max(len(self.days), 1)

    @cached_property
    def _running(self) -> np.ndarray:
        """The sums of each key before its first day with rows, and after each such day."""
        running = np.zeros((len(self.cells) + len(self.keys), self.values.shape[1]))
        so_far = np.zeros((len(self.keys), self.values.shape[1]))
        key, day = self._key, self._day
        order = np.argsort(day, kind="stable")
        # A sum over all cells would give a key rounding errors of other keys.
        for cells in np.split(order, np.bincount(day, minlength=len(self.days)).cumsum()):
            keys = key[cells]
            so_far[keys] += self.values[cells]
            running[cells + keys + 1] = so_far[keys]
        return running
