from __future__ import annotations

import csv

import numpy as np
import pytest
from kuairand_tables import KuaiRandTables

from datasets.kuairand.columns import DAYS, DENSE, FIELDS, LABELS
from datasets.kuairand.histories import last_items


def impressions(rows=300, seed=3):
    draw = np.random.RandomState(seed)
    user, day = draw.randint(0, 7, rows) * 100, draw.randint(0, 6, rows)
    time = day * 1000 + draw.permutation(rows)  # no two at once
    return user, day, time, draw.randint(0, 9, rows)


def by_hand(user, day, time, item, length, days=99):
    result = np.zeros((len(user), length), int)
    for row in range(len(user)):
        seen = [
            (time[other], item[other])
            for other in range(len(user))
            if user[other] == user[row] and day[other] < min(day[row], days) and item[other]
        ]
        last = [number for _, number in sorted(seen)][-length:]
        result[row, : len(last)] = last
    return result


@pytest.mark.parametrize("days", [None, 3, 0])
def test_histories_are_the_last_items_of_earlier_days(days):
    columns = impressions()
    expected = by_hand(*columns, 5, 99 if days is None else days)
    assert (expected[:, -1] > 0).any() == (days != 0)  # some are cut
    np.testing.assert_array_equal(last_items(*columns, 5, days), expected)


def test_an_impression_that_moves_changes_nothing_before_it():
    user, day, time, item = impressions()
    before = last_items(user, day, time, item, 50)
    changed = 0
    for row in np.flatnonzero((item > 0) & (day < 4))[:40]:
        moved_day, moved_time = day.copy(), time.copy()
        moved_day[row], moved_time[row] = day[row] + 1, time[row] + 1000
        after = last_items(user, moved_day, moved_time, item, 50)
        same = (after == before).all(axis=1)
        others = np.arange(len(day)) != row
        assert same[others & (day <= day[row])].all()
        assert same[user != user[row]].all()
        # The next day's rows of the user lose it, later ones keep it.
        next_day = others & (user == user[row]) & (day == day[row] + 1)
        assert not same[next_day].any()
        changed += next_day.sum()
    assert changed > 40


@pytest.fixture
def days(tmp_path):
    tables = KuaiRandTables(tmp_path / "raw")
    tables.prepare(tmp_path / "out")
    return tables, tmp_path / "out" / "days_all"


def read(folder):
    return {path.name: list(csv.DictReader(path.open(newline=""))) for path in folder.iterdir()}


def test_each_day_is_a_table_of_raw_values(days):
    tables, folder = days
    found = read(folder)
    assert sorted(found) == [f"{d // 10000}-{d // 100 % 100:02}-{d % 100:02}.csv" for d in DAYS]
    rows = [row for name in sorted(found) for row in found[name]]
    assert len(rows) == len(tables.log)
    liked = [int(raw["is_click"]) * int(raw["long_view"]) for raw in tables.log]
    for place, (raw, row) in enumerate(zip(tables.log, rows)):
        assert row["date"].replace("-", "") == raw["date"]
        user, video = tables.users[int(raw["user_id"])], tables.videos[int(raw["video_id"])]
        expected = {**user, **video, "tab": raw["tab"], "hour": str(int(raw["hourmin"]) // 100)}
        expected["tag"] = expected["tag"].replace(",", "|")
        for field in FIELDS:
            if field.name != "duration":
                assert row[field.name] == expected[field.name].removesuffix(".0"), field.name
        for name in DENSE:
            assert float(row[name]) == float({**user, **video, **raw}[name])
        assert row["ctcvr"] == str(liked[place])
        assert float(row["watch_time"]) == int(raw["play_time_ms"]) / 1000
        assert (row["watch_ratio"] == "") == (raw["duration_ms"] == "0")
        assert set(LABELS) <= set(row)
        history = [
            other["video_id"]
            for number, other in enumerate(tables.log[:place])
            if liked[number] and other["user_id"] == raw["user_id"] and other["date"] < raw["date"]
        ]
        assert row["history"] == "|".join(history[-50:])


def test_feedback_of_a_day_reaches_later_days_alone(days, tmp_path):
    tables, folder = days
    tables.scramble(DAYS[4:5])
    tables.prepare(tmp_path / "second")
    first, second = read(folder), read(tmp_path / "second" / "days_all")
    columns = [name for name in first["2022-04-29.csv"][0] if name not in LABELS]
    changed = [
        name
        for name in sorted(first)
        if [[row[column] for column in columns] for row in first[name]]
        != [[row[column] for column in columns] for row in second[name]]
    ]
    assert changed[0] == "2022-04-30.csv"
    assert changed[-1] == "2022-05-08.csv"
