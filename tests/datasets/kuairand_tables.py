from __future__ import annotations

import csv
import hashlib
import io
import math
from collections import defaultdict
from pathlib import Path

from datasets.kuairand import prepare
from datasets.kuairand.columns import (
    DAYS,
    DENSE,
    DURATION_BOUNDS,
    FIELDS,
    HISTORY,
    LABELS,
    RATES,
    SMOOTHING,
    USER_DENSE,
    USER_FIELDS,
    VIDEO_DENSE,
    VIDEO_FIELDS,
    WIDTH,
)
from datasets.preparing.fetch import RawFile

FLAGS = ("click", "like", "follow", "comment", "forward", "hate", "profile_enter")
TIMES = ("play_time_ms", "profile_stay_time", "comment_stay_time")
FEEDBACK = (*(f"is_{flag}" for flag in FLAGS), "long_view", *TIMES)
USERS, VIDEOS, A_DAY = 9, 7, 12


class KuaiRandTables:
    """Small tables in the raw form; the feedback of each row is pseudo-random."""

    def __init__(self, folder: Path):
        self.folder = folder
        folder.mkdir(parents=True)
        self.users = [self._user(number) for number in range(USERS)]
        self.videos = [self._video(number) for number in range(VIDEOS)]
        self.log = [
            self._impression(A_DAY * number + place, day)
            for number, day in enumerate(DAYS)
            for place in range(A_DAY)
        ]
        self.save()

    @staticmethod
    def _user(number: int) -> dict[str, str]:
        row = {field.name: str((3 * number) % (field.size - 1)) for field in USER_FIELDS}
        row.update({name: str(100 * number + place) for place, name in enumerate(USER_DENSE)})
        row["user_id"] = str(number)
        row["fans_user_num_range"] = "[100,1k)" if number % 2 else "0"
        row["onehot_feat4"] = "" if number % 3 else "2.0"
        return row

    @staticmethod
    def _video(number: int) -> dict[str, str]:
        row = {field.name: f"{field.name} {number % (field.size - 1)}" for field in VIDEO_FIELDS}
        row.update({name: f"{50 * number + place}.0" for place, name in enumerate(VIDEO_DENSE)})
        row["video_id"], row["author_id"] = str(number), str(9_000_000 + number // 2)
        row["tag"] = ("7", "7,12", "", "3,7,12", "12,3", "9", "3")[number]
        return row

    @staticmethod
    def _impression(number: int, day: int) -> dict[str, str]:
        row = {
            "user_id": str((number * number + number // 5) % USERS),
            "video_id": str((number // 3 + number * 5) % VIDEOS),
            "date": str(day),
            "hourmin": str(100 * (number % 24)),
            "time_ms": str(1_650_800_000_000 + number),
            "duration_ms": str(3_000 + 1_700 * number if number % 9 else 0),
            "is_rand": "0",
            "tab": str(number % 3),
        }
        return {**row, **scrambled(number, "first")}

    def save(self) -> None:
        """Write the files, and the sources that describe them."""
        sources = []
        for name, rows in (("log", self.log), ("users", self.users), ("videos", self.videos)):
            stream = io.StringIO()
            writer = csv.DictWriter(stream, list(rows[0]), lineterminator="\n")
            writer.writeheader()
            writer.writerows(rows)
            content = stream.getvalue().encode()
            (self.folder / f"{name}.csv").write_bytes(content)
            digest = None if name == "log" else hashlib.sha256(content).hexdigest()
            sources.append(RawFile(f"{name}.csv", digest, (), "TEST_URL"))
        self.sources = prepare.Sources(*sources)

    def scramble(self, days=DAYS) -> None:
        """Give the rows of some days another feedback altogether."""
        for number, row in enumerate(self.log):
            if int(row["date"]) in days:
                row.update(scrambled(number, "second"))
        self.save()

    def prepare(self, output: Path, force: bool = False) -> None:
        prepare.prepare(output, self.folder, force, self.sources)


def scrambled(number: int, salt: str) -> dict[str, str]:
    """Feedback of a row that follows from nothing else about it."""
    digits = hashlib.sha256(f"{salt} {number}".encode()).digest()
    row = {name: str(digit % 2) for name, digit in zip(FEEDBACK, digits)}
    for place, name in enumerate(FEEDBACK):
        if name in TIMES:
            row[name] = str(40 * digits[20 + place])
    return row


TRAIN, FIT, VALID, TEST = (split.name for split in prepare.SPLITS)
DAYS_OF = {TRAIN: DAYS[:6], FIT: DAYS[:5], VALID: DAYS[5:6], TEST: DAYS[6:]}
FIRST_RATE = len(LABELS) + len(DENSE) + len(HISTORY)
FIRST_ID = FIRST_RATE + len(RATES)
WITHOUT_FEEDBACK = [*range(len(LABELS), len(LABELS) + len(DENSE)), *range(FIRST_ID, WIDTH - 50)]
FEATURES = [*range(len(LABELS), FIRST_RATE), *range(FIRST_ID, WIDTH)]
KEYS = {
    "user": lambda raw: raw["user_id"],
    "video": lambda raw: raw["video_id"],
    "author": lambda raw: int(raw["video_id"]) // 2,
    "tab": lambda raw: raw["tab"],
    "hour": lambda raw: raw["hourmin"],
    "duration": lambda raw: sum(int(raw["duration_ms"]) >= bound for bound in DURATION_BOUNDS),
}
PLACE = {}
for _field in FIELDS:
    PLACE[_field.name] = FIRST_ID + sum(field.max_len for field in FIELDS[: len(PLACE)])


def rows(output: Path, name: str) -> list[list[str]]:
    return [line.rstrip("\n").split(",") for line in (output / name).open()]


def cut(output: Path, columns) -> dict[str, list[list[str]]]:
    """The texts of some columns, file by file."""
    return {name: [[row[c] for c in columns] for row in rows(output, name)] for name in DAYS_OF}


def vocabulary(output: Path) -> dict[str, dict[str, int]]:
    result = defaultdict(dict)
    with (output / prepare.VOCABULARY).open(newline="") as file:
        for field, number, value in csv.reader(file):
            result[field][value] = int(number)
    return result


def raw_rows(tables, file):
    return [row for row in tables.log if int(row["date"]) in DAYS_OF[file]]


def statistic(key, label, known, log, raw):
    """A history or a rate, from the rows of the log that are known; without label the count."""
    parts = [KEYS[part] for part in key.split("_")]
    seen = [n for n in known if all(part(log[n]) == part(raw) for part in parts)]
    if label is None:
        return math.log1p(len(seen))
    known, seen = ([label[n] for n in rows if not math.isnan(label[n])] for rows in (known, seen))
    average = sum(known) / max(len(known), 1)
    return sum(number - average for number in seen) / (len(seen) + SMOOTHING)
