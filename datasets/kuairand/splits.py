"""Makes the prepared files of labels, dense numbers, histories and ids, split by date."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import NamedTuple

import numpy as np

from datasets.kuairand import columns
from datasets.kuairand.columns import DAYS, FIELDS, FIT_DAYS, HISTORY_OF, LABELS, TRAIN_DAYS
from datasets.kuairand.features import FieldIds, history, lines
from datasets.kuairand.tables import Log, Table, read_log, read_users, read_videos
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
    integers = np.hstack([labels, *dense]).astype(np.int64)
    rates = _history(log, videos, video, day, labels)
    fields = _fields(log, users, user, videos, video, day)
    for split in SPLITS:
        rows = np.flatnonzero((day >= split.first) & (day < split.end))
        ids = np.hstack([field.of(rows, split.known) for field in fields])
        yield split.name, lines(integers[rows], rates[rows], ids)
    yield VOCABULARY, csv_lines(field.vocabulary for field in fields)


def _labels(log: Log) -> np.ndarray:
    click, view = log.columns["is_click"], log.columns["long_view"]
    labels = {"click": click, "ctcvr": click * view, "like": log.columns["is_like"]}
    labels["long_view"] = view
    return np.stack([labels[name] for name in LABELS], axis=1)


def _history(
    log: Log, videos: Table, video: np.ndarray, day: np.ndarray, labels: np.ndarray
) -> np.ndarray:
    authors = [author for (author,) in videos.values["author_id"]]
    tab = log.columns["tab"]
    keys = {
        "user": log.columns["user_id"],
        "video": log.columns["video_id"],
        "author": np.unique(authors, return_inverse=True)[1][video],
    }
    tabs = int(tab.max()) + 1
    keys["user_tab"] = keys["user"] * tabs + tab
    keys["video_tab"] = keys["video"] * tabs + tab
    return np.hstack(
        [
            history(keys[of], day, labels[:, [LABELS.index(rate) for rate in rates]])
            for of, rates in HISTORY_OF.items()
        ]
    )


def _fields(
    log: Log, users: Table, user: np.ndarray, videos: Table, video: np.ndarray, day: np.ndarray
) -> list[FieldIds]:
    """Returns the fields in the order of their columns."""
    duration = np.searchsorted(columns.DURATION_BOUNDS, log.columns["duration_ms"], side="right")
    of_log = {"tab": log.columns["tab"], "hour": log.columns["hourmin"] // 100}
    of_log["duration"] = duration
    values_of = {}
    for name, numbers in of_log.items():
        values, place = np.unique(numbers, return_inverse=True)
        values_of[name] = ([[str(value)] for value in values.tolist()], place)
    for table, place in ((users, user), (videos, video)):
        values_of.update({name: (values, place) for name, values in table.values.items()})
    return [FieldIds(field, *values_of[field.name], day) for field in FIELDS]
