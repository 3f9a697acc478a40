from __future__ import annotations

import numpy as np
import pytest
from kuairand_tables import (
    A_DAY,
    DAYS_OF,
    FIRST_ID,
    FIRST_RATE,
    FIT,
    TEST,
    TRAIN,
    VALID,
    KuaiRandTables,
    cut,
    raw_rows,
    rows,
    statistic,
    vocabulary,
)

from datasets.kuairand.columns import DAYS, LABELS


@pytest.fixture
def tables(tmp_path):
    return KuaiRandTables(tmp_path / "raw")


def test_rates_are_those_of_the_other_training_days(tables, tmp_path):
    tables.prepare(tmp_path)
    labels = {
        name: [float(row[place] or "nan") for row in rows(tmp_path, TRAIN)]
        for place, name in enumerate(LABELS)
    }
    labels["watch_time"] = np.log1p(labels["watch_time"]).tolist()
    log = raw_rows(tables, TRAIN)
    kinds = (*("user", "video", "author", "user_tab", "video_tab", "author_tab"),)
    kinds += ("tab_hour", "tab_duration", "user_duration", "user_author")
    whats = ("count", "click", "long_view", "like", "profile_enter", "watch_time", "watch_ratio")
    for name, days in ((TRAIN, 6), (FIT, 5), (VALID, 5), (TEST, 6)):
        for raw, row in zip(raw_rows(tables, name)[::11], rows(tmp_path, name)[::11]):
            known = [n for n in range(A_DAY * days) if log[n]["date"] != raw["date"]]
            found = map(float, row[FIRST_RATE:FIRST_ID])
            for key in kinds:
                for what in whats:
                    expected = statistic(key, labels.get(what), known, log, raw)
                    assert next(found) == pytest.approx(expected, abs=1e-6), (key, what)
            assert not list(found)


@pytest.mark.parametrize("place", [0, 4, 5, 6])
def test_rates_hold_no_feedback_of_their_own_day_and_none_of_unknown_days(tables, tmp_path, place):
    tables.prepare(tmp_path / "first")
    tables.scramble(DAYS[place : place + 1])
    tables.prepare(tmp_path / "second")
    columns = range(FIRST_RATE, FIRST_ID)
    first, second = cut(tmp_path / "first", columns), cut(tmp_path / "second", columns)
    for name, known in ((TRAIN, 6), (FIT, 5), (VALID, 5), (TEST, 6)):
        days = [day for day in DAYS_OF[name] for _ in range(A_DAY)]
        assert len(days) == len(first[name])
        changed = {day for day, a, b in zip(days, first[name], second[name]) if a != b}
        assert changed == (set(days) - {DAYS[place]} if place < known else set())


def test_sequences_are_the_known_videos_of_earlier_training_days(tables, tmp_path):
    tables.prepare(tmp_path)
    ids = vocabulary(tmp_path)["video_id"]
    labels = rows(tmp_path, TRAIN)
    log = raw_rows(tables, TRAIN)
    for name in DAYS_OF:
        held = 0
        for raw, row in zip(raw_rows(tables, name), rows(tmp_path, name)):
            seen = [
                ids[other["video_id"]]
                for other, label in zip(log, labels)
                if other["date"] < raw["date"]
                and other["user_id"] == raw["user_id"]
                and label[1] == "1"
            ]
            assert [int(cell) for cell in row[-50:]] == seen[-50:] + [0] * (50 - len(seen))
            held += len(seen)
        assert held > 0
