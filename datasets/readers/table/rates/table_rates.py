"""The sums of a table's training rows, from which each row gets its rates."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from datasets.readers import checks, progress
from datasets.readers.rates.daily_sums import NEVER, DailySums
from datasets.readers.table import files
from datasets.readers.table.arrow import pa
from datasets.readers.table.columns import KEY, Table
from datasets.readers.table.files import Place
from datasets.readers.table.rates import cells
from datasets.readers.table.targets import Targets

logger = logging.getLogger(__name__)

_MOST_DAYS = 5000
_ROWS_AT_ONCE = 1 << 20  # that are counted together


@dataclass(frozen=True)
class TableRates:
    """The sums of each key, and what the days are.

    Attributes:
        kind: the kind of the days, `cells.DATE` or `cells.INTEGER`.
        of_keys: the sums of each key, in the order of ``rates: over``.
    """

    kind: str
    of_keys: tuple[DailySums, ...]

    def loaded(self) -> TableRates:
        """Returns these sums; see `StoredRates.loaded`."""
        return self

    @cached_property
    def sha256(self) -> str:
        """The hash of everything that determines the rates of a row."""
        digest = hashlib.sha256(json.dumps([self.kind, len(self.of_keys)]).encode())
        for sums in self.of_keys:
            for array in (sums.keys, sums.days, sums.cells, sums.values):
                digest.update(repr(array.shape).encode())
                digest.update(np.ascontiguousarray(array).data)
        return digest.hexdigest()

    def of_rows(
        self, columns: Mapping[str, pa.Array], table: Table, place: Place, training: bool
    ) -> np.ndarray:
        """Returns the rates of a batch, float32 ``[rows, names]``; see `Rates.names`.

        Args:
            columns: the batch's columns by name.
            table: the table's columns and their types.
            place: returns the place of a row of the batch.
            training: whether they are rows of the training files: these see all days but their own,
                other rows the earlier days.

        Raises:
            ValueError: a cell is invalid.
        """
        rates = table.rates
        day, _ = cells.days(rates.by, columns, table, place, self.kind)
        found = []
        for names, sums in zip(rates.over, self.of_keys):
            key = cells.keys(names, columns, table, place)
            of = sums.other_days if training else sums.earlier_days
            found.append(of(key, day, rates.smoothing))
        return np.hstack(found).astype(np.float32)


def count(paths: Sequence[str], table: Table, targets: Targets) -> TableRates:
    """Returns the sums of training files.

    Raises:
        ValueError: a file or a cell is invalid, or the rows have too few or too many days.
    """
    found, days = _counted(paths, table, targets)
    by, shown = table.rates.by, _shown(days, found.kind)
    if len(days) < 2:
        raise ValueError(
            f"{KEY}.rates: by: column {by}: expected at least two days in the training rows, found "
            f"{shown}: a training row sees only the other days (add days, or remove {KEY}.rates)"
        )
    logger.info("rates by %s: %d training days, %s", by, len(days), shown)
    return found


def extended(old: TableRates, paths: Sequence[str], table: Table, targets: Targets) -> TableRates:
    """Returns sums with the rows of further training files, whose days must be new.

    Raises:
        ValueError: a file or a cell is invalid, or rows of a day are counted already.
    """
    found, days = _counted(paths, table, targets, old.kind)
    counted = {day for sums in old.of_keys for day in sums.days.tolist()}
    if days & counted:
        raise ValueError(
            f"{KEY}.rates: by: column {table.rates.by}: expected days that are not counted yet, "
            f"found {_shown(days & counted, found.kind)} (train on files of new days only, or set "
            "runner.extend_vocabulary to False)"
        )
    shown = _shown(days, found.kind)
    logger.info("rates by %s: %d further days, %s", table.rates.by, len(days), shown)
    joined = (DailySums.joined(each) for each in zip(old.of_keys, found.of_keys))
    return TableRates(old.kind, tuple(joined))


def _counted(
    paths: Sequence[str], table: Table, targets: Targets, kind: str | None = None
) -> tuple[TableRates, set[int]]:
    """Returns the sums of files, and their days."""
    rates, labels = table.rates, cells.rated_labels(table, targets)
    names = list(dict.fromkeys([*rates.columns, *rates.of]))
    counter, seen = _Counter(len(rates.over)), set()
    with progress.titled("counting rates from"):
        for path in paths:
            for columns, place in files.batches(path, table, names):
                day, kind = cells.days(rates.by, columns, table, place, kind)
                seen.update(np.unique(day[day != NEVER]).tolist())
                if len(seen) > _MOST_DAYS:
                    hint = f"such as {cells.day_text(max(seen), kind)}: write the day into a column"
                    expected = f"a column of at most {_MOST_DAYS} different days"
                    checks.fail(f"{KEY}.rates: by", expected, rates.by, f"{path} has more, {hint}")
                found = cells.label_values(labels, columns, targets.missing, place)
                keys = [cells.keys(key, columns, table, place) for key in rates.over]
                counter.add(keys, day, found)
    return TableRates(kind or cells.DATE, counter.sums()), seen


def _shown(days: Collection[int], kind: str) -> str:
    ends = [cells.day_text(day, kind) for day in sorted(days)]
    return " to ".join(dict.fromkeys([*ends[:1], *ends[-1:]])) or "none"


class _Counter:
    """Adds rows in parts, so that memory follows from the number of keys and days."""

    def __init__(self, keys: int):
        self._parts: list[list[DailySums]] = [[] for _ in range(keys)]
        self._pending = 0

    def add(self, keys: Sequence[np.ndarray], day: np.ndarray, labels: np.ndarray) -> None:
        for parts, key in zip(self._parts, keys):
            parts.append(DailySums.of(key, day, labels))
        self._pending += len(day)
        # At least as many rows as there are cells: the time must not grow with their square.
        if self._pending > max(_ROWS_AT_ONCE, *(len(parts[0].cells) for parts in self._parts)):
            self.sums()

    def sums(self) -> tuple[DailySums, ...]:
        self._parts = [[DailySums.joined(parts)] for parts in self._parts]
        self._pending = 0
        return tuple(parts[0] for parts in self._parts)
