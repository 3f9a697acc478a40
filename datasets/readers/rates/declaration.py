"""The block ``rates`` of a table: which labels, over which keys, by which days."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from datasets.readers import checks

SMOOTHING = 20


@dataclass(frozen=True)
class Rates:
    """The rates that a table's dense numbers are extended by.

    Attributes:
        of: the label columns.
        over: the keys: the columns whose values a key combines.
        by: the column of days.
        smoothing: the number of rows with the mean over all keys that are added to each key.
    """

    of: tuple[str, ...]
    over: tuple[tuple[str, ...], ...]
    by: str
    smoothing: float = SMOOTHING

    @property
    def names(self) -> list[str]:
        """The names of the dense numbers, in order: of each key a count, then a rate a label."""
        names = []
        for key in map("_".join, self.over):
            names += [f"{key}_count", *(f"{key}_{label}_rate" for label in self.of)]
        return names

    @property
    def columns(self) -> list[str]:
        """The distinct columns of the files that rows need, also without labels."""
        return list(dict.fromkeys([*(name for key in self.over for name in key), self.by]))

    @property
    def meaning(self) -> dict[str, Any]:
        """The block as JSON; it determines the numbers."""
        over = [list(key) for key in self.over]
        return {"of": list(self.of), "over": over, "by": self.by, "smoothing": self.smoothing}


def rates_of(place: str, block: Any, labels: Sequence[str], dense: Sequence[Any]) -> Rates | None:
    """Returns the rates of a table; None without the block.

    Args:
        place: the full key of the block.
        block: its value.
        labels: the table's label columns.
        dense: the table's dense columns.

    Raises:
        ValueError: the block is malformed; the message names its key.
    """
    if not block:
        return None
    block = checks.keys(place, block, ("of", "over", "by"), ("smoothing",))
    of = checks.texts(f"{place}: of", block["of"])
    for name in of:
        if name not in labels:
            checks.fail(f"{place}: of", f"label columns, {', '.join(labels)}", name)
    over = checks.list_of("columns, or of lists of columns", f"{place}: over", block["over"])
    keys = tuple(_key(f"{place}: over", entry) for entry in over)
    for key, value in (("of", of), ("over", keys)):
        if not value:
            checks.fail(f"{place}: {key}", "at least one entry", block[key])
    by, smoothing = block["by"], block.get("smoothing", SMOOTHING)
    if not isinstance(by, str):
        checks.fail(f"{place}: by", "the name of a column of days", by)
    if type(smoothing) not in (int, float) or not 0 <= smoothing < 1e9:
        checks.fail(f"{place}: smoothing", "a number of rows from 0 to 1e9", smoothing)
    rates = Rates(of, keys, by, smoothing)
    for name in rates.columns:
        if name in labels:
            checks.fail(f"{place}: over and by", "columns that are not labels", name)
    for key in keys:
        if by in key:  # no other day has the key, so its rates would be 0 in every row
            checks.fail(f"{place}: over", f"columns other than the days, {by}", list(key))
    names = [*(column.name for column in dense), *rates.names]
    checks.distinct(place, "name of a rate or dense column", names)
    return rates


def _key(place: str, entry: Any) -> tuple[str, ...]:
    names = [entry] if isinstance(entry, str) else entry
    texts = isinstance(names, (list, tuple)) and all(isinstance(name, str) for name in names)
    if not texts or not names or len(set(names)) < len(names):
        checks.fail(place, "columns, or lists of different columns", entry)
    return tuple(names)
