"""Keeps which days are trained and what was measured, in ``daily.json`` and ``daily.csv``."""

from __future__ import annotations

import csv
import io
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from daily_training.days import Day
from engine.checkpoints import facts
from engine.system import atomic_files
from engine.system.errors import UserError

FILE, TABLE = "daily.json", "daily.csv"
_KINDS = {
    "day": ("a text", lambda value: isinstance(value, str)),
    "rows": ("an integer", lambda value: type(value) is int),
    "checkpoint": ("a text", lambda value: isinstance(value, str)),
    "metrics": ("a mapping", lambda value: isinstance(value, dict)),
}


class Record:
    """The days that are trained, in order.

    Args:
        root: ``runner.model_save_path``.
        days: the days of the data.

    Attributes:
        done: an entry a day: ``day``, ``stamp``, ``checkpoint`` (relative to the root), ``rows``,
            ``new_ids``, ``metrics`` (empty for the first day) and ``seconds``.
        test: the metrics of ``runner.test_data_dir`` after the last day; None before that.

    Raises:
        UserError: the file is damaged, or its days are not the first ones of the data.
    """

    def __init__(self, root: str, days: Sequence[Day]):
        self._root, self._path = root, os.path.join(root, FILE)
        self.done: list[dict[str, Any]] = []
        self.test: dict[str, Any] | None = None
        if os.path.isfile(self._path):
            self._read()
        for entry, day in zip(self.done, [*days, *[None] * len(self.done)]):
            if day is None or (entry["day"], entry["stamp"]) != (day.name, day.stamp):
                raise UserError(
                    f"{self._path}: day {entry['day']} was trained, and its data have changed or "
                    f"are gone: expected {'no further day' if day is None else day.name}; restore "
                    "them, or choose another runner.model_save_path to train all days again"
                )

    def _read(self) -> None:
        try:
            with open(self._path, encoding="utf-8") as file:
                content = json.load(file)
            self.done, self.test = content["days"], content["test"]
            for entry in self.done:
                facts.check_kinds(entry, _KINDS)
                if missing := {*_KINDS, "stamp"} - entry.keys():
                    raise ValueError(f"a day has no {sorted(missing)[0]}")
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise UserError(f"{self._path} is damaged: {error}") from error

    def add(self, entry: Mapping[str, Any]) -> None:
        """Adds a day that is trained; the earlier test is no longer that of the last day."""
        self.done.append(dict(entry))
        self.test = None
        self.save()

    def save(self) -> None:
        """Writes both files, each at once."""
        atomic_files.write_json(self._path, {"days": self.done, "test": self.test})
        names = list(dict.fromkeys(name for each in self.done for name in each["metrics"]))
        stream = io.StringIO()
        writer = csv.writer(stream, lineterminator="\n")
        writer.writerow(["day", "rows", "new_ids", *names, "seconds"])
        for entry in self.done:
            values = [entry["metrics"].get(name) for name in names]
            writer.writerow(
                [entry["day"], entry["rows"], entry["new_ids"], *values, entry["seconds"]]
            )
        atomic_files.write_text(os.path.join(self._root, TABLE), stream.getvalue())

    def table(self) -> str:
        """Returns a table of all days, as text."""
        names = list(dict.fromkeys(name for each in self.done for name in each["metrics"]))
        rows = [["day", "rows", "new ids", *names]]
        for entry in self.done:
            values = (entry["metrics"].get(name) for name in names)
            ids = "-" if entry["new_ids"] is None else str(entry["new_ids"])
            rows.append([entry["day"], str(entry["rows"]), ids, *map(text, values)])
        widths = [max(map(len, column)) for column in zip(*rows)]
        lines = [[cell.rjust(width) for cell, width in zip(row, widths)] for row in rows]
        return "\n".join("  ".join([row[0].strip().ljust(widths[0]), *row[1:]]) for row in lines)


def text(value: Any) -> str:
    """Returns a metric as a line shows it."""
    return "-" if value is None else f"{value:.6f}"
