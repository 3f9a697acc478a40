from __future__ import annotations

import csv
import io
import math
import os
import tarfile
from collections import defaultdict
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from kuairand_tables import A_DAY, KuaiRandTables
from raw_table import ROOT

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
    WIDTH,
)
from datasets.kuairand.reader import RecDataset
from datasets.preparing.command import DataError

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


@pytest.fixture
def tables(tmp_path):
    return KuaiRandTables(tmp_path / "raw")


def read(output: Path) -> dict[str, bytes]:
    return {name: (output / name).read_bytes() for name in (*DAYS_OF, prepare.VOCABULARY)}


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


def column(output: Path, file: str, field: str) -> list[int]:
    return [int(row[PLACE[field]]) for row in rows(output, file)]


def raw_rows(tables, file):
    return [row for row in tables.log if int(row["date"]) in DAYS_OF[file]]


def test_labels_dense_numbers_and_ids(tables, tmp_path):
    tables.prepare(tmp_path)
    ids = vocabulary(tmp_path)
    for name in (TRAIN, TEST):
        assert len(rows(tmp_path, name)) == A_DAY * len(DAYS_OF[name])
        for raw, row in zip(raw_rows(tables, name), rows(tmp_path, name)):
            assert len(row) == WIDTH
            click, view = int(raw["is_click"]), int(raw["long_view"])
            flags = [click, click and view, int(raw["is_like"]), view]
            more = ("profile_enter", "comment", "follow", "forward", "hate")
            flags += [int(raw[f"is_{name}"]) for name in more]
            assert [int(label) for label in row[:9]] == flags
            played, duration = int(raw["play_time_ms"]), int(raw["duration_ms"])
            assert float(row[9]) == played / 1000
            if duration:
                assert float(row[10]) == pytest.approx(min(played / duration, 1), abs=1e-6)
            else:
                assert row[10] == ""
            user, video = tables.users[int(raw["user_id"])], tables.videos[int(raw["video_id"])]
            dense = [raw["duration_ms"], *(user[column] for column in USER_DENSE)]
            dense += [video["server_width"][:-2], video["server_height"][:-2]]
            assert row[11:18] == dense
            bucket = sum(int(raw["duration_ms"]) >= bound for bound in DURATION_BOUNDS)
            values = {**user, **video, "tab": raw["tab"], "duration": str(bucket)}
            values["hour"] = str(int(raw["hourmin"]) // 100)
            values["onehot_feat4"] = values["onehot_feat4"].removesuffix(".0")
            tags = [ids["tag"].get(tag, 0) for tag in values.pop("tag").split(",")]
            for field, value in values.items():
                if field in PLACE:
                    assert int(row[PLACE[field]]) == ids[field].get(value, 0), field
            assert [int(cell) for cell in row[PLACE["tag"] :][:3]] == [*tags, 0, 0][:3]


def test_files_are_split_by_date(tables, tmp_path):
    tables.prepare(tmp_path)
    for name in DAYS_OF:
        found = [row[len(LABELS)] for row in rows(tmp_path, name)]
        assert found == [row["duration_ms"] for row in raw_rows(tables, name)]


def test_no_feedback_of_the_log_reaches_the_features(tables, tmp_path):
    tables.prepare(tmp_path / "first")
    tables.scramble()
    tables.prepare(tmp_path / "second")
    first, second = tmp_path / "first", tmp_path / "second"
    assert cut(first, WITHOUT_FEEDBACK) == cut(second, WITHOUT_FEEDBACK)
    assert vocabulary(first) == vocabulary(second)
    for label in range(len(LABELS)):
        assert cut(first, [label])[TRAIN] != cut(second, [label])[TRAIN], LABELS[label]


@pytest.mark.parametrize("place", range(len(DAYS)))
def test_histories_hold_feedback_of_earlier_training_days_alone(tables, tmp_path, place):
    tables.prepare(tmp_path / "first")
    tables.scramble(DAYS[place:])
    tables.prepare(tmp_path / "second")
    first, second = cut(tmp_path / "first", FEATURES), cut(tmp_path / "second", FEATURES)
    for name, days in DAYS_OF.items():
        before = A_DAY * sum(day <= DAYS[place] for day in days)
        assert first[name][:before] == second[name][:before]
        # And feedback of training days does reach what comes later.
        same = place >= 6 or before == len(first[name])
        assert (first[name] == second[name]) == same


def test_histories_are_what_they_are_said_to_be(tables, tmp_path):
    tables.prepare(tmp_path)
    labels = {
        name: [float(row[place] or "nan") for row in rows(tmp_path, TRAIN)]
        for place, name in enumerate(LABELS)
    }
    labels["watch_time"] = np.log1p(labels["watch_time"]).tolist()
    log = raw_rows(tables, TRAIN)
    keys = ("user", "video", "author", "user_tab", "video_tab")
    for name in (TRAIN, VALID, TEST):
        for raw, row in zip(raw_rows(tables, name)[::5], rows(tmp_path, name)[::5]):
            earlier = [number for number, other in enumerate(log) if other["date"] < raw["date"]]
            for place, what in enumerate(HISTORY, len(LABELS) + len(DENSE)):
                of = next(key for key in reversed(keys) if what.startswith(f"{key}_"))
                rate = what.removeprefix(f"{of}_")
                expected = statistic(of, labels.get(rate), earlier, log, raw)
                assert float(row[place]) == pytest.approx(expected, abs=1e-6), what


def statistic(key, label, known, log, raw):
    """A history or a rate, from the rows of the log that are known; without label the count."""
    parts = [KEYS[part] for part in key.split("_")]
    seen = [n for n in known if all(part(log[n]) == part(raw) for part in parts)]
    if label is None:
        return math.log1p(len(seen))
    known, seen = ([label[n] for n in rows if not math.isnan(label[n])] for rows in (known, seen))
    average = sum(known) / max(len(known), 1)
    return sum(number - average for number in seen) / (len(seen) + SMOOTHING)


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


def test_ids_are_learned_day_by_day_from_the_training_days(tables, tmp_path):
    for row in tables.log:  # 0 is in a row a day, 1 comes on the last training day, 2 in May
        row["tab"] = "5"
        row["user_id"] = str(3 + int(row["user_id"]) % 6)
    for place, user in ((0, 0), (A_DAY, 0), (5 * A_DAY, 1), (5 * A_DAY + 1, 1), (6 * A_DAY, 2)):
        tables.log[place]["user_id"] = str(user)
    tables.log[5 * A_DAY]["tab"] = "0"
    tables.log[6 * A_DAY]["tab"] = "1"
    tables.save()
    tables.prepare(tmp_path)
    ids = vocabulary(tmp_path)
    assert ids["tab"] == {"5": 1, "0": 2}  # not by value: 0 was not there on the day before
    assert "2" not in ids["user_id"]
    assert ids["user_id"]["1"] == len(ids["user_id"]) == 8
    assert column(tmp_path, TEST, "user_id")[0] == column(tmp_path, TEST, "tab")[0] == 0
    assert column(tmp_path, VALID, "user_id")[0] == column(tmp_path, VALID, "tab")[0] == 0
    assert column(tmp_path, TRAIN, "user_id")[5 * A_DAY] == 8
    assert column(tmp_path, TRAIN, "tab")[5 * A_DAY] == 2


def test_values_of_one_row_have_no_id_of_their_own(tables, tmp_path):
    for row in tables.log:
        row["user_id"] = str(int(row["user_id"]) % 8)
    tables.log[3]["user_id"] = "8"
    tables.save()
    tables.prepare(tmp_path)
    assert "8" not in vocabulary(tmp_path)["user_id"]
    assert column(tmp_path, TRAIN, "user_id")[3] == 0


def test_known_tags_stand_before_unknown_ones(tables, tmp_path):
    tables.videos[3]["tag"] = "40,3,12"
    for row in tables.log:
        if row["video_id"] == "3" and int(row["date"]) < DAYS[5]:
            row["video_id"] = "4"
    tables.save()
    tables.prepare(tmp_path)
    ids = vocabulary(tmp_path)
    for name, expected in (
        (VALID, [ids["tag"]["3"], ids["tag"]["12"], 0]),
        (TEST, [ids["tag"][tag] for tag in ("40", "3", "12")]),
    ):
        places = [n for n, raw in enumerate(raw_rows(tables, name)) if raw["video_id"] == "3"]
        row = rows(tmp_path, name)[places[0]]
        assert [int(cell) for cell in row[PLACE["tag"] :][:3]] == expected


def test_test_days_change_nothing_before_them(tables, tmp_path):
    tables.prepare(tmp_path / "first")
    tables.scramble(DAYS[6:])
    for row in tables.log[6 * A_DAY :]:
        row.update(user_id="1", video_id="2", tab="9", duration_ms="5")
    tables.save()
    tables.prepare(tmp_path / "second")
    first, second = read(tmp_path / "first"), read(tmp_path / "second")
    assert [name for name in first if first[name] != second[name]] == [TEST]


def test_repeats_and_other_days_are_left_out(tables, tmp_path, capsys):
    tables.prepare(tmp_path / "first")
    repeat = dict(tables.log[7], is_click=str(1 - int(tables.log[7]["is_click"])))
    tables.log[9:9] = [repeat, dict(tables.log[0], date="20220424", time_ms="1")]
    tables.save()
    capsys.readouterr()
    tables.prepare(tmp_path / "second")
    assert read(tmp_path / "first") == read(tmp_path / "second")
    assert "left out 1 repeated rows and 1 rows of other days" in capsys.readouterr().out


def test_second_run_knows_the_files_and_another_log(tables, tmp_path, capsys):
    tables.prepare(tmp_path / "out")
    told = capsys.readouterr()
    assert "test_all/test_data.csv: 96 rows of 208 columns" in told.out
    assert "its columns, days, users and videos are checked instead of its SHA-256" in told.err
    tables.prepare(tmp_path / "out")
    assert capsys.readouterr().out.startswith("already prepared")
    del tables.log[3]
    tables.save()
    tables.prepare(tmp_path / "out")
    assert "train_all/train_data.csv: 71 rows" in capsys.readouterr().out
    for path in tables.folder.iterdir():
        path.unlink()
    tables.prepare(tmp_path / "out")
    assert capsys.readouterr().out.startswith("already prepared")


def test_download_of_the_archive(tables, tmp_path, server, monkeypatch, capsys):
    monkeypatch.setattr(prepare, "HERE", tmp_path / "here")
    stream = io.BytesIO()
    with tarfile.open(fileobj=stream, mode="w:gz") as archive:
        for path in tables.folder.iterdir():
            archive.add(path, f"KuaiRand-Pure/data/{path.name}")
    server.files["/KuaiRand-Pure.tar.gz"] = stream.getvalue()
    monkeypatch.setenv("TEST_URL", f"{server.url}/KuaiRand-Pure.tar.gz")
    for _ in range(2):
        prepare.prepare(tmp_path / "out", None, False, tables.sources)
    assert capsys.readouterr().out.count("already prepared") == 1
    assert len(server.requests) == 1
    tables.prepare(tmp_path / "own")
    assert read(tmp_path / "out") == read(tmp_path / "own")


def spoil(part, name, value, place=20):
    def change(tables):
        getattr(tables, part)[place][name] = value

    return change


def without(part, name):
    def change(tables):
        for row in getattr(tables, part):
            del row[name]

    return change


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (without("log", "long_view"), r"log.csv, line 1: no column long_view"),
        (without("users", "onehot_feat3"), r"users.csv, line 1: no column onehot_feat3"),
        (spoil("log", "user_id", "me"), r"log.csv, line 22: invalid literal .* 'me'"),
        (spoil("log", "is_click", "2"), r"log.csv: column is_click: expected 0 or 1, found 2"),
        (spoil("log", "play_time_ms", "-1"), r"log.csv: column play_time_ms: expected 0 or more"),
        (spoil("log", "user_id", "77"), r"users.csv: expected user 77, which the log has"),
        (spoil("log", "video_id", "-1"), r"videos.csv: expected video -1, which the log has"),
        (spoil("users", "fans_user_num", "many", 4), r"users.csv, line 6: could not .* 'many'"),
        (spoil("videos", "server_width", "nan", 2), r"videos.csv: expected numbers in server_wid"),
        (
            spoil("users", "user_id", "3", 4),
            r"users.csv, line 6: expected each user_id only once, found 3",
        ),
        (lambda tables: tables.log.__delitem__(slice(24, 36)), r"expected rows of day 20220427"),
    ],
)
def test_bad_tables_are_named_and_the_earlier_files_stay(tables, tmp_path, change, complaint):
    tables.prepare(tmp_path / "out")
    earlier = read(tmp_path / "out")
    change(tables)
    tables.save()
    with pytest.raises(DataError, match=complaint):
        tables.prepare(tmp_path / "out")
    assert read(tmp_path / "out") == earlier


def test_another_user_table_is_refused(tables, tmp_path):
    users = replace(tables.sources.users, sha256="0" * 64)
    tables.sources = tables.sources._replace(users=users)
    with pytest.raises(DataError, match=r"users.csv: sha256 .* expected 0000"):
        tables.prepare(tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("dense", [0, 7, 25, 40, 77, 110])
def test_reader(tables, tmp_path, dense):
    tables.prepare(tmp_path)
    config = {
        "hyper_parameters.tasks": [
            {"name": "ctcvr", "label_column": 1},
            {"name": "watch", "label_column": 9, "type": "regression"},
            {"name": "ratio", "label_column": 10, "type": "regression"},
        ],
        "hyper_parameters.dense_input_dim": dense,
        "hyper_parameters.sparse_fields": [
            {"name": field.name, "size": field.size, "max_len": field.max_len} for field in FIELDS
        ],
    }
    data = RecDataset([str(tmp_path / TEST)], config)
    *numbers, ids, label, watch, ratio = data.take(slice(0, 5))
    assert [array.shape for array in numbers] == ([(5, dense)] if dense else [])
    expected = np.array(
        [[float(cell or "nan") for cell in row] for row in rows(tmp_path, TEST)[:5]]
    )
    assert ids.tolist() == expected[:, FIRST_ID:-50].tolist()
    assert label.tolist() == expected[:, 1:2].tolist()
    np.testing.assert_array_equal(watch, expected[:, 9:10].astype("f4"))
    np.testing.assert_array_equal(ratio, expected[:, 10:11].astype("f4"))
    assert np.isnan(ratio).sum() == 1
    if dense:
        chosen = [*range(11, 18), *range(51, 121)] if dense == 77 else range(11, 11 + dense)
        np.testing.assert_array_equal(numbers[0], expected[:, chosen].astype("f4"))


def opened(path, *fields, dense=0):
    config = {
        "hyper_parameters.tasks": [{"name": "click", "label_column": 0}],
        "hyper_parameters.dense_input_dim": dense,
        "hyper_parameters.sparse_fields": list(fields),
    }
    return RecDataset([str(path)], config)


def test_reader_takes_fields_by_name(tables, tmp_path):
    tables.prepare(tmp_path)
    sequence = {"name": "history", "size": 7584, "sequence": True}
    tag, user = {"name": "tag", "size": 47, "max_len": 3}, {"name": "user_id", "size": 27286}
    path = tmp_path / TEST
    expected = np.array([[int(cell) for cell in row[FIRST_ID:]] for row in rows(tmp_path, TEST)])
    first, tags = PLACE["user_id"] - FIRST_ID, PLACE["tag"] - FIRST_ID
    chosen = [*range(tags, tags + 3), *range(37, 87), first]
    data = opened(path, tag, {**sequence, "max_len": 50}, user)
    ids, _ = data.take(slice(0, len(data)))
    assert ids.tolist() == expected[:, chosen].tolist()
    np.testing.assert_array_equal(data.groups("user_id"), np.where(ids[:, -1], ids[:, -1], -1))
    video = np.where(expected[:, 29], expected[:, 29], -1)
    np.testing.assert_array_equal(data.groups("video_id"), video)  # is not declared
    ids, _ = opened(path, user, {**sequence, "max_len": 2}, tag).take(slice(0, len(data)))
    for row, found in zip(expected, ids):
        items = [item for item in row[37:] if item][-2:]
        assert found.tolist() == [row[first], *items, *[0] * (2 - len(items)), *row[tags:37]]
    assert (ids[:, 2] > 0).any()


@pytest.mark.parametrize(
    ("field", "complaint"),
    [
        ({"name": "user", "size": 9}, "user: name: expected a field of the .* mean user_id"),
        ({"name": "tag", "size": 47}, "tag: max_len: expected 3, as in the files, found 1"),
        ({"name": "tag", "size": 47, "max_len": 4}, "tag: max_len: expected 3, .* found 4"),
        ({"name": "hour", "size": 3}, "column 123, field hour: expected an id from 0 to 2, found"),
    ],
)
def test_fields_that_the_files_lack_are_refused(tables, tmp_path, field, complaint):
    tables.prepare(tmp_path)
    with pytest.raises(ValueError, match=complaint):
        opened(tmp_path / TEST, {"name": "tab", "size": 16}, field).take(slice(0, 96))


def test_watch_time_is_no_class(tables, tmp_path):
    tables.prepare(tmp_path)
    config = {
        "hyper_parameters.tasks": [{"name": "watch", "label_column": 9}],
        "hyper_parameters.dense_input_dim": 25,
    }
    with pytest.raises(ValueError, match=r"watch: type: expected regression or count, .* watch_t"):
        RecDataset([str(tmp_path / TEST)], config)


def test_real_files(tmp_path):
    """The files, where PADDLEMTL_KUAIRAND_RAW says or beside the checkout."""
    beside = ROOT.parent / "shared" / "data" / "kuairand"
    raw_dir = Path(os.environ.get("PADDLEMTL_KUAIRAND_RAW") or beside)
    if not raw_dir.is_dir():
        pytest.skip(f"no KuaiRand files: {raw_dir}")
    assert prepare.main(["--raw_dir", str(raw_dir), "--output_dir", str(tmp_path)]) == 0
    sizes = {field.name: field.size for field in FIELDS}
    assert all(len(ids) < sizes[name] for name, ids in vocabulary(tmp_path).items())
    if prepare._log_hash(prepare.LOG, raw_dir) != prepare.KNOWN_LOG:
        return
    counts = {name: len(rows(tmp_path, name)) for name in DAYS_OF}
    assert list(counts.values()) == [91_805, 71_292, 20_513, 130_639]
    test = np.array([row[:4] for row in rows(tmp_path, TEST)], float)
    assert 100 * test.mean(axis=0) == pytest.approx([45.0953, 31.6927, 1.7376, 31.8044], abs=1e-4)
    # The counts of the raw log's flags on the test days, counted outside this project.
    more = np.array([[cell or "nan" for cell in row[4:11]] for row in rows(tmp_path, TEST)], float)
    assert more[:, :5].sum(axis=0).tolist() == [2373, 358, 163, 118, 124]
    assert np.median(more[:, 5]) == pytest.approx(4.9, abs=0.1)
    assert (more[:, 5] == 0).mean() == pytest.approx(0.1, abs=0.01)
    assert 0.014 < np.isnan(more[:, 6]).mean() < 0.024
    assert 0 <= np.nanmin(more[:, 6]) < np.nanmax(more[:, 6]) == 1
