"""The impressions as tables of raw values, one file a day, for readers of tables."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator, Mapping

import numpy as np

from datasets.kuairand.columns import DAYS, DENSE, FIELDS, LABELS, LENGTH, SEQUENCE
from datasets.kuairand.histories import last_items
from datasets.kuairand.tables import Log

FOLDER = "days_all"
SEPARATOR = "|"  # of several values in a cell
HEADER = ("date", *(field.name for field in FIELDS), *DENSE, SEQUENCE, *LABELS)


def day_tables(
    log: Log,
    day: np.ndarray,
    values: Mapping[str, tuple[list[list[str]], np.ndarray]],
    dense: np.ndarray,
    labels: np.ndarray,
) -> Iterator[tuple[str, Iterable[bytes]]]:
    """Yields the name and the lines of each day's file.

    The history has the user's videos of all earlier days, also of those of May.

    Args:
        log: the impressions.
        day: each row's day ``[rows]``.
        values: each field's texts of each position, and each row's position.
        dense: dense numbers ``[rows, columns]``.
        labels: labels ``[rows, columns]``, NaN where a label is missing.
    """
    texts, video = values["video_id"]
    liked = labels[:, LABELS.index("ctcvr")] == 1
    items = np.where(liked, video + 1, 0)
    items = last_items(log.columns["user_id"], day, log.columns["time_ms"], items, LENGTH)
    for number, date in enumerate(DAYS):
        rows = np.flatnonzero(day == number)
        columns = [
            [SEPARATOR.join(several[place]) for place in of_row[rows].tolist()]
            for several, of_row in (values[field.name] for field in FIELDS)
        ]
        columns += dense[rows].T.tolist()
        columns.append(
            [
                SEPARATOR.join(texts[place - 1][0] for place in history if place)
                for history in items[rows].tolist()
            ]
        )
        columns += [list(map(_number, label)) for label in labels[rows].T.tolist()]
        yield f"{FOLDER}/{_iso(date)}.csv", _lines(_iso(date), columns)


def _iso(date: int) -> str:
    return f"{date // 10_000}-{date // 100 % 100:02d}-{date % 100:02d}"


def _number(number: float) -> str:
    return "" if number != number else f"{number:.6f}".rstrip("0").rstrip(".")


def _lines(date: str, columns: list[list]) -> Iterator[bytes]:
    line = io.StringIO()
    writer = csv.writer(line, lineterminator="\n")
    for cells in (HEADER, *((date, *row) for row in zip(*columns))):
        writer.writerow(cells)
        yield line.getvalue().encode("utf-8")
        line.seek(0)
        line.truncate()
