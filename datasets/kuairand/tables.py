"""Reads the raw files of KuaiRand-Pure into arrays: impressions, users, videos."""

from __future__ import annotations

from array import array
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datasets.kuairand.columns import (
    DAYS,
    LOG_DENSE,
    USER_DENSE,
    USER_FIELDS,
    VIDEO_DENSE,
    VIDEO_FIELDS,
)
from datasets.preparing.command import DataError
from datasets.preparing.raw_rows import read_named

FLAGS = (
    *("is_click", "long_view", "is_like", "is_profile_enter"),
    *("is_comment", "is_follow", "is_forward", "is_hate"),
)
PLAY_TIME = "play_time_ms"
LOG_COLUMNS = (
    *("user_id", "video_id", "date", "hourmin", "time_ms", "tab"),
    *(*LOG_DENSE, *FLAGS, PLAY_TIME),
)


class Log(NamedTuple):
    """Impressions, in the file's order.

    Attributes:
        columns: arrays int64 ``[rows]`` by column.
        repeats: number of rows left out because another row has the same user, video and time.
        outside: number of rows left out because their day is not in ``DAYS``.
    """

    columns: dict[str, np.ndarray]
    repeats: int
    outside: int


class Table(NamedTuple):
    """Users or videos.

    Attributes:
        place: position of each id.
        dense: dense numbers, float64 ``[len(place), columns]``.
        values: for each field a list of texts for each position.
    """

    place: dict[int, int]
    dense: np.ndarray
    values: dict[str, list[list[str]]]

    def places(self, ids: np.ndarray, path: Path, what: str) -> np.ndarray:
        """Returns the positions of ids.

        Raises:
            DataError: the table lacks an id.
        """
        known = np.array(sorted(self.place), np.int64)
        indices = np.searchsorted(known, ids)
        lacking = indices == len(known)
        lacking |= known[np.minimum(indices, len(known) - 1)] != ids
        if lacking.any():
            raise DataError(
                f"{path}: expected {what} {ids[lacking][0]}, which the log has, found none"
            )
        return np.array([self.place[number] for number in known.tolist()])[indices]


def read_log(path: Path) -> Log:
    """Reads the impressions of ``DAYS``, without repetitions.

    Raises:
        DataError: a cell is not an integer, a flag is not 0 or 1, a play time is negative, or a
            day has no rows.
    """
    numbers = array("q")
    for line, row in read_named(path, LOG_COLUMNS):
        try:
            numbers.extend(map(int, row))
        except ValueError as exc:
            raise DataError(f"{path}, line {line}: {exc}") from exc
    table = np.frombuffer(numbers, np.int64).reshape(-1, len(LOG_COLUMNS))
    for name in FLAGS:
        column = table[:, LOG_COLUMNS.index(name)]
        bad = column[(column != 0) & (column != 1)]
        if len(bad):
            raise DataError(f"{path}: column {name}: expected 0 or 1, found {bad[0]}")
    least = table[:, LOG_COLUMNS.index(PLAY_TIME)].min(initial=0)
    if least < 0:
        raise DataError(f"{path}: column {PLAY_TIME}: expected 0 or more, found {least}")
    within = table[np.isin(table[:, LOG_COLUMNS.index("date")], DAYS)]
    first = within[_first_of_each(within[:, [0, 1, LOG_COLUMNS.index("time_ms")]])]
    columns = dict(zip(LOG_COLUMNS, np.ascontiguousarray(first.T)))
    for day in DAYS:
        if not (columns["date"] == day).any():
            raise DataError(f"{path}: expected rows of day {day}, found none")
    return Log(columns, len(within) - len(first), len(table) - len(within))


def _first_of_each(keys: np.ndarray) -> np.ndarray:
    """Returns the positions of the first row of each key, ascending."""
    order = np.lexsort(keys.T)  # stable: equal keys keep their order
    ordered = keys[order]
    fresh = np.ones(len(keys), bool)
    fresh[1:] = (ordered[1:] != ordered[:-1]).any(axis=1)
    return np.sort(order[fresh])


def read_users(path: Path) -> Table:
    """Reads the user table."""
    return _read_table(path, "user_id", USER_DENSE, [field.name for field in USER_FIELDS])


def read_videos(path: Path) -> Table:
    """Reads the video table."""
    table = _read_table(path, "video_id", VIDEO_DENSE, [field.name for field in VIDEO_FIELDS])
    tags = [[tag for tag in tags.split(",") if tag] for (tags,) in table.values["tag"]]
    table.values["tag"] = tags
    return table


def _read_table(path: Path, key: str, dense: tuple[str, ...], fields: list[str]) -> Table:
    place, numbers = {}, array("d")
    values = {name: [] for name in fields}
    for line, row in read_named(path, (key, *dense, *fields)):
        try:
            place[int(row[0])] = len(place)
            numbers.extend(map(float, row[1 : 1 + len(dense)]))
        except ValueError as exc:
            raise DataError(f"{path}, line {line}: {exc}") from exc
        for name, value in zip(fields, row[1 + len(dense) :]):
            values[name].append([value.removesuffix(".0")])  # some integers end so
        if len(place) != len(values[key]):
            raise DataError(
                f"{path}, line {line}: expected each {key} only once, found {row[0]} again"
            )
    table = np.frombuffer(numbers, np.float64).reshape(-1, len(dense))
    if not np.isfinite(table).all():
        raise DataError(f"{path}: expected numbers in {', '.join(dense)}, found NaN or infinity")
    return Table(place, table, values)
