"""Makes the prepared files of labels, dense numbers, histories and ids, split by date."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datasets.kuairand import columns
from datasets.kuairand.columns import DAYS, FIELDS, FIT_DAYS, HISTORY_OF, LABELS, TRAIN_DAYS
from datasets.kuairand.days import day_tables
from datasets.kuairand.features import FieldIds, history, lines, rates
from datasets.kuairand.histories import last_items
from datasets.kuairand.tables import (
    FLAGS,
    PLAY_TIME,
    Log,
    Table,
    read_log,
    read_users,
    read_videos,
)
from datasets.preparing.vocabulary import csv_lines

VOCABULARY = "vocabulary.csv"


class Split(NamedTuple):
    """An output file: days ``first`` to ``end`` - 1, vocabulary of the first ``known`` days."""

    name: str
    first: int
    end: int
    known: int


SPLITS = (
    Split("train_all/train_data.csv", 0, TRAIN_DAYS, TRAIN_DAYS),
    Split("train_fit/train_data.csv", 0, FIT_DAYS, FIT_DAYS),
    Split("valid_all/valid_data.csv", FIT_DAYS, TRAIN_DAYS, FIT_DAYS),
    Split("test_all/test_data.csv", TRAIN_DAYS, len(DAYS), TRAIN_DAYS),
)


def contents_of(
    log_path: Path, users_path: Path, videos_path: Path
) -> Iterator[tuple[str, Iterable[bytes]]]:
    """Yields each output file and its lines.

    Raises:
        DataError: a raw file is invalid.
    """
    log = read_log(log_path)
    users, videos = read_users(users_path), read_videos(videos_path)
    print(f"left out {log.repeats} repeated rows and {log.outside} rows of other days")
    user = users.places(log.columns["user_id"], users_path, "user")
    video = videos.places(log.columns["video_id"], videos_path, "video")
    day = np.searchsorted(DAYS, log.columns["date"])

    labels = _labels(log)
    dense = [log.columns[name][:, None] for name in columns.LOG_DENSE]
    dense += [users.dense[user], videos.dense[video]]
    integers = np.hstack(dense).astype(np.int64)
    values = _values(log, users, user, videos, video)
    fields = [FieldIds(field, *values[field.name], day) for field in FIELDS]
    keys, counted = _keys(log, values), _counted(labels)
    earlier = _history(keys, day, counted)
    for split in SPLITS:
        rows = np.flatnonzero((day >= split.first) & (day < split.end))
        ids = [field.of(rows, split.known) for field in fields]
        ids.append(_sequence(log, day, labels, fields, split.known)[rows])
        over = [keys[key] for key in columns.RATE_KEYS]
        of = np.stack([counted[label] for label in columns.RATE_LABELS], axis=1)
        numbers = [earlier[rows], rates(over, day, of, rows, split.known)]
        cells = (labels[rows], integers[rows], np.hstack(numbers), np.hstack(ids))
        yield split.name, lines(*cells)
    yield VOCABULARY, csv_lines(field.vocabulary for field in fields)
    yield from day_tables(log, day, values, integers, labels)


def _labels(log: Log) -> np.ndarray:
    """Returns the labels ``[rows, labels]``, float64; NaN where a label is missing."""
    flags = {name.removeprefix("is_"): log.columns[name] for name in FLAGS}
    watched, duration = log.columns[PLAY_TIME], log.columns["duration_ms"]
    ratio = np.minimum(watched / np.maximum(duration, 1), 1)
    labels = {
        **flags,
        "ctcvr": flags["click"] * flags["long_view"],
        "watch_time": watched / 1000,
        "watch_ratio": np.where(duration > 0, ratio, np.nan),
    }
    return np.stack([labels[name].astype(np.float64) for name in LABELS], axis=1)


def _counted(labels: np.ndarray) -> dict[str, np.ndarray]:
    """Returns what histories and rates are means of, by label."""
    counted = dict(zip(LABELS, labels.T))
    counted["watch_time"] = np.log1p(counted["watch_time"])
    return counted


def _keys(
    log: Log, values: Mapping[str, tuple[list[list[str]], np.ndarray]]
) -> dict[str, np.ndarray]:
    """Returns the keys of histories and rates: each row's number ``[rows]``, from 0."""
    texts, place = values["author_id"]
    single = {
        "user": log.columns["user_id"],
        "video": log.columns["video_id"],
        "author": np.unique(texts, return_inverse=True)[1].ravel()[place],
        **{name: values[name][1] for name in ("tab", "hour", "duration")},
    }
    keys = {}
    for key in (*columns.HISTORY_OF, *columns.RATE_KEYS):
        first, *second = (single[name] for name in key.split("_"))
        keys[key] = first if not second else first * (int(second[0].max()) + 1) + second[0]
    return keys


def _history(
    keys: Mapping[str, np.ndarray], day: np.ndarray, counted: Mapping[str, np.ndarray]
) -> np.ndarray:
    def of_key(of: str, labels: Sequence[str]) -> np.ndarray:
        return history(keys[of], day, np.stack([counted[label] for label in labels], axis=1))

    earlier = [of_key(of, labels) for of, labels in HISTORY_OF.items()]
    later = [of_key(of, columns.LATER_HISTORY)[:, 1:] for of in HISTORY_OF]  # without the count
    return np.hstack([*earlier, *later])


def _sequence(
    log: Log, day: np.ndarray, labels: np.ndarray, fields: Sequence[FieldIds], known: int
) -> np.ndarray:
    """Returns the ids of the user's earlier videos that have one, ``[rows, LENGTH]``."""
    video = next(field for field in fields if field.vocabulary.name == "video_id")
    ids = video.of(np.arange(len(day)), known)[:, 0]
    items = np.where(labels[:, LABELS.index("ctcvr")] == 1, ids, 0)
    user, time = log.columns["user_id"], log.columns["time_ms"]
    return last_items(user, day, time, items, columns.LENGTH, known)


def _values(
    log: Log, users: Table, user: np.ndarray, videos: Table, video: np.ndarray
) -> dict[str, tuple[list[list[str]], np.ndarray]]:
    """Returns each field's values: the texts of each position, and each row's position."""
    duration = np.searchsorted(columns.DURATION_BOUNDS, log.columns["duration_ms"], side="right")
    of_log = {"tab": log.columns["tab"], "hour": log.columns["hourmin"] // 100}
    of_log["duration"] = duration
    values_of = {}
    for name, numbers in of_log.items():
        values, place = np.unique(numbers, return_inverse=True)
        values_of[name] = ([[str(value)] for value in values.tolist()], place)
    for table, place in ((users, user), (videos, video)):
        values_of.update({name: (values, place) for name, values in table.values.items()})
    return values_of
