from __future__ import annotations

import csv
import os
from collections import Counter
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from adult_table import STATES, AdultTable
from raw_table import ROOT

from datasets.adult import prepare
from datasets.adult.columns import FIELDS, LABEL_NAMES, LABELS, NUMERICS, RAW_COLUMNS, WIDTH
from datasets.adult.reader import RecDataset
from datasets.preparing.command import DataError

CONFIG = {
    "hyper_parameters.tasks": [
        {"name": "income", "label_column": 0},
        {"name": "marital", "label_column": 1},
    ],
    "hyper_parameters.dense_input_dim": 6,
    "hyper_parameters.sparse_fields": [{"name": name, "size": size} for name, size in FIELDS],
}
FIRST_ID = len(LABEL_NAMES) + len(NUMERICS)


@pytest.fixture
def table(tmp_path):
    return AdultTable(tmp_path / "raw")


def read(output: Path) -> dict[str, bytes]:
    return {name: (output / name).read_bytes() for name in (*prepare.OUTPUTS, prepare.VOCABULARY)}


def rows(output: Path, name: str) -> list[list[int]]:
    return [[int(cell) for cell in line.split(",")] for line in (output / name).open()]


def vocabulary(output: Path) -> dict[tuple[str, str], int]:
    with (output / prepare.VOCABULARY).open(newline="") as file:
        return {(field, value): int(number) for field, number, value in csv.reader(file)}


def test_columns():
    used = {*NUMERICS, *(label.column for label in LABELS), *(field.column for field in FIELDS)}
    assert used == set(RAW_COLUMNS)
    assert (len(NUMERICS), len(FIELDS), WIDTH) == (6, 9, 18)


def test_every_column_of_a_small_table(table, tmp_path):
    table.prepare(tmp_path / "out")
    ids = vocabulary(tmp_path / "out")
    seen = []
    for name, raw_rows in zip(prepare.OUTPUTS, (table.train, table.train, table.test)):
        for row in rows(tmp_path / "out", name):
            number = row[3]
            seen.append((name, number))
            raw = next(raw for raw in raw_rows if raw["age"] == str(number))
            assert row[:2] == [number % 2, int(raw["marital_status"] != "Never-married")]
            assert row[2] == int(raw["hours_per_week"])
            assert row[3:FIRST_ID] == [100 * index + number for index in range(6)]
            assert row[FIRST_ID:] == [ids.get((f.column, raw[f.column]), 0) for f in FIELDS]
    train, valid, test = ([n for name, n in seen if name == out] for out in prepare.OUTPUTS)
    assert len(valid) == 6
    assert sorted(train + valid) == list(range(60))
    assert train == sorted(train)
    assert valid == sorted(valid)
    assert test == [3 * number for number in range(31)]


def test_ids_are_learned_from_the_rows_of_train_alone(table, tmp_path):
    table.prepare(tmp_path / "first")
    valid = {row[3] for row in rows(tmp_path / "first", prepare.OUTPUTS[1])}
    for number in valid:
        table.train[number]["race"] = "of validation"
    for row in table.test:
        row["sex"] = "of test"
    table.save()
    table.prepare(tmp_path / "out")
    place = {field.column: FIRST_ID + number for number, field in enumerate(FIELDS)}
    assert {row[place["race"]] for row in rows(tmp_path / "out", prepare.OUTPUTS[1])} == {0}
    assert {row[place["sex"]] for row in rows(tmp_path / "out", prepare.OUTPUTS[2])} == {0}
    train = np.array(rows(tmp_path / "out", prepare.OUTPUTS[0]))
    assert train[:, FIRST_ID:].min() == 1
    for field in FIELDS:  # sorted by name, and as many as there are names
        ids = [
            number for (name, _), number in vocabulary(tmp_path / "out").items() if name == field[0]
        ]
        assert ids == list(range(1, len(ids) + 1))
        assert train[:, place[field.column]].max() == len(ids)


def test_test_rows_change_nothing_else(table, tmp_path):
    table.prepare(tmp_path / "first")
    table.test = [dict(row, age="99", race="other", income=">50K") for row in table.test]
    table.save()
    table.prepare(tmp_path / "second")
    first, second = read(tmp_path / "first"), read(tmp_path / "second")
    assert [name for name in first if first[name] != second[name]] == [prepare.OUTPUTS[2]]


def test_second_run_says_so_and_force_makes_it_again(table, tmp_path, capsys):
    table.prepare(tmp_path / "out")
    told = capsys.readouterr().out
    assert told.startswith("prepared in ")
    assert "train_all/train_data.csv: 54 rows of 18 columns" in told
    first = read(tmp_path / "out")
    table.prepare(tmp_path / "out")
    assert capsys.readouterr().out.startswith("already prepared")
    table.prepare(tmp_path / "out", force=True)
    assert capsys.readouterr().out.startswith("prepared in ")
    assert read(tmp_path / "out") == first


def test_download(table, tmp_path, server, monkeypatch):
    monkeypatch.setattr(prepare, "HERE", tmp_path / "here")
    for name in ("train", "test"):
        packed = table.folder / f"{name}.csv.gz"
        server.files[f"/{packed.name}"] = packed.read_bytes()
    monkeypatch.setenv("TEST_URL", server.url)
    sources = (table.train_source, table.test_source)
    prepare.prepare(tmp_path / "out", None, False, *sources)
    assert len(rows(tmp_path / "out", prepare.OUTPUTS[2])) == 31
    assert [path for path, _ in server.requests] == ["/train.csv.gz", "/test.csv.gz"]


def test_another_file_is_refused(table, tmp_path):
    other = replace(table.test_source.file, sha256="0" * 64)
    table.test_source = table.test_source._replace(file=other)
    with pytest.raises(DataError, match=r"test.csv.gz: sha256 .* expected 0000"):
        table.prepare(tmp_path / "out")
    assert not (tmp_path / "out").exists()


def spoil(part, column, value, line=4):
    def change(table):
        getattr(table, part)[line][column] = value

    return change


@pytest.mark.parametrize(
    ("change", "complaint"),
    [
        (
            lambda table: table.train[2].pop("race"),
            r"train.csv.gz, line 3: 14 columns, expected 15",
        ),
        (spoil("test", "more", "x"), r"test.csv.gz, line 6: 16 columns, expected 15"),
        (spoil("test", "age", "old"), r"line 6, column age: expected a number, found 'old'"),
        (spoil("train", "fnlwgt", "-1"), r"line 5, column fnlwgt: expected a number, found '-1'"),
        (
            spoil("train", "income", ">50k"),
            r"line 5, column income: expected one of <=50K, >50K, found '>50k'",
        ),
        (
            spoil("test", "marital_status", "?"),
            r"test.csv.gz, line 6, column marital_status: expected one of .* '\?'",
        ),
        (lambda table: table.test.clear(), r"test.csv.gz: 0 rows, expected 31"),
    ],
)
def test_bad_row_is_named_and_the_earlier_files_stay(tmp_path, change, complaint):
    AdultTable(tmp_path / "raw1").prepare(tmp_path / "out")
    earlier = read(tmp_path / "out")
    bad = AdultTable(tmp_path / "raw2", shift=1)
    change(bad)
    bad.save()
    bad.test_source = bad.test_source._replace(rows=31)
    with pytest.raises(DataError, match=complaint):
        bad.prepare(tmp_path / "out")
    assert read(tmp_path / "out") == earlier


def test_more_values_than_declared(table, tmp_path):
    for number, row in enumerate(table.train):
        row["race"] = f"race {number % 9}"
    table.save()
    with pytest.raises(DataError, match="column race: 9 values in the training rows, expected few"):
        table.prepare(tmp_path / "out")


def test_reader(table, tmp_path):
    table.prepare(tmp_path / "out")
    data = RecDataset([str(tmp_path / "out" / prepare.OUTPUTS[2])], CONFIG)
    dense, ids, income, marital = data.take(slice(0, 31))
    assert (dense.shape, ids.shape) == ((31, 6), (31, 9))
    assert income[:, 0].tolist() == [3 * number % 2 for number in range(31)]
    expected = [int(STATES[3 * number % 7] != "Never-married") for number in range(31)]
    assert marital[:, 0].tolist() == expected


def test_files_of_an_earlier_version_are_prepared_again(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text(",".join("1" * 17) + "\n")
    with pytest.raises(ValueError, match=r":1: expected 18 numbers, found 17 .*adult/run.sh again"):
        RecDataset([str(path)], CONFIG)


def test_hours_are_predicted_without_being_an_input(table, tmp_path):
    table.prepare(tmp_path / "out")
    files = [str(tmp_path / "out" / prepare.OUTPUTS[2])]
    tasks = [{"name": "hours", "label_column": 2, "type": "regression"}]
    config = {**CONFIG, "hyper_parameters.tasks": tasks}
    with pytest.raises(ValueError, match=r"dense_input_dim: expected an integer from 0 to 5, .* 6"):
        RecDataset(files, config)
    dense, _, hours = RecDataset(files, {**config, "hyper_parameters.dense_input_dim": 5}).take(
        slice(0, 31)
    )
    assert dense.shape == (31, 5)
    assert hours.dtype == np.float32
    assert hours[:, 0].tolist() == [500 + 3 * number for number in range(31)]
    assert dense[:, 4].tolist() == [400 + 3 * number for number in range(31)]


def test_real_files(tmp_path):
    """The official files, where PADDLEMTL_ADULT_RAW says or beside the checkout."""
    beside = ROOT.parent / "shared" / "data" / "adult"
    raw_dir = Path(os.environ.get("PADDLEMTL_ADULT_RAW") or beside)
    if not raw_dir.is_dir():
        pytest.skip(f"no Adult files: {raw_dir}")
    assert prepare.main(["--raw_dir", str(raw_dir), "--output_dir", str(tmp_path)]) == 0
    tables = [np.array(rows(tmp_path, name)) for name in prepare.OUTPUTS]
    assert [part.shape for part in tables] == [(29_305, 18), (3_256, 18), (16_281, 18)]
    income, marital = 100 * tables[2][:, :2].mean(axis=0)
    assert income == pytest.approx(23.6226, abs=0.001)
    assert marital == pytest.approx(66.6237, abs=0.001)
    assert (tables[2][:, 2] == tables[2][:, 8]).all()
    found = Counter(name for name, _ in vocabulary(tmp_path))
    assert found == {field.column: field.size - 1 for field in FIELDS}
    for part in tables:
        assert (part[:, FIRST_ID:] < [field.size for field in FIELDS]).all()
        assert (part[:, FIRST_ID : FIRST_ID + 7] > 0).all()  # amounts alone have new values
