from __future__ import annotations

import io
import os
import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from kuairand_tables import (
    A_DAY,
    DAYS_OF,
    FEATURES,
    PLACE,
    TEST,
    TRAIN,
    VALID,
    WITHOUT_FEEDBACK,
    KuaiRandTables,
    cut,
    raw_rows,
    rows,
    statistic,
    vocabulary,
)
from raw_table import ROOT

from datasets.kuairand import prepare
from datasets.kuairand.columns import (
    DAYS,
    DENSE,
    DURATION_BOUNDS,
    FIELDS,
    HISTORY,
    LABELS,
    USER_DENSE,
    WIDTH,
)
from datasets.preparing.command import DataError


@pytest.fixture
def tables(tmp_path):
    return KuaiRandTables(tmp_path / "raw")


def read(output: Path) -> dict[str, bytes]:
    return {name: (output / name).read_bytes() for name in (*DAYS_OF, prepare.VOCABULARY)}


def column(output: Path, file: str, field: str) -> list[int]:
    return [int(row[PLACE[field]]) for row in rows(output, file)]


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
