from __future__ import annotations

import json
import os
import resource
import shutil
import stat
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
from raw_table import ROOT, RawTable

from datasets.census import prepare
from datasets.census.columns import BLOCKS, HEADER, LABELS, NUMERICS, RAW_COLUMNS, STARTS, WIDTH
from datasets.preparing.command import DataError

# pandas.DataFrame(31 rows).sample(frac=0.5, replace=False, random_state=1)
VALIDATION_OF_31 = [27, 3, 19, 23, 22, 21, 20, 18, 10, 25, 17, 14, 24, 4, 2, 26]
DATA_SETS = ("census", "video")
FILES = (*prepare.OUTPUTS, *prepare.TABLES)


def read(output: Path) -> dict[str, bytes]:
    return {name: (output / name).read_bytes() for name in FILES}


def rows(output: Path, name: str) -> list[list[str]]:
    return [line.split(",") for line in (output / name).read_text().splitlines()]


def run(driver: Path, *arguments, **options) -> subprocess.CompletedProcess:
    command = [sys.executable, str(driver), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, timeout=60, **options)


def test_columns_are_those_of_the_paddlerec_form():
    assert (len(RAW_COLUMNS), len(NUMERICS), len(BLOCKS), WIDTH) == (42, 11, 29, 501)
    assert sum(block.size for block in BLOCKS) == 488
    used = {*NUMERICS, *(item.column for item in (*LABELS, *BLOCKS))}
    assert used == set(RAW_COLUMNS)
    assert STARTS["class_worker"] == 13
    assert STARTS["vet_question"] == 498


def test_every_field_of_a_small_table(table, tmp_path):
    table.prepare(tmp_path / "out")
    train = rows(tmp_path / "out", "train_all/train_data.csv")
    assert len(train) == 60
    for number, row in enumerate(train):
        assert len(row) == WIDTH
        assert row[:2] == [str(int(number % 7 == 0)), str(number % 2)]
        expected = [str(number + index) for index in range(11)]
        expected[NUMERICS.index("instance_weight")] = f"{number}.25"
        assert row[2:13] == expected
        for block in BLOCKS:
            start = STARTS[block.column]
            hot = row[start : start + block.size]
            # The codes count from 0, so code 10 is at place 10, not after 1.
            assert hot == ["1" if n == number % block.size else "0" for n in range(block.size)]


def test_tables_are_the_same_rows_with_a_header(table, tmp_path):
    table.prepare(tmp_path / "out")
    assert not {"marital_stat", "income_50k"} & set(HEADER)
    raws = table.train, table.test, table.test
    for raw, numbers, name in zip(raws, prepare.OUTPUTS, prepare.TABLES):
        header, *found = rows(tmp_path / "out", name)
        assert tuple(header) == HEADER
        ages = [row[2] for row in rows(tmp_path / "out", numbers)]
        assert [row[header.index("age")] for row in found] == ages
        by_age = {row[0].strip(): dict(zip(RAW_COLUMNS, row)) for row in raw}
        for row in found:
            source = by_age[row[2]]
            positive = (source[label.column] == label.positive for label in LABELS)
            assert row[:2] == [str(int(one)) for one in positive]
            assert row[2:] == [source[column].strip() for column in HEADER[2:]]


def test_validation_and_test_halves(table, tmp_path):
    table.prepare(tmp_path / "out")
    drawn = [int(row[2]) // 3 for row in rows(tmp_path / "out", "valid_all/valid_data.csv")]
    rest = [int(row[2]) // 3 for row in rows(tmp_path / "out", "test_all/test_data.csv")]
    assert drawn == VALIDATION_OF_31
    assert rest == sorted(set(range(31)) - set(drawn))


def test_split_is_what_pandas_draws():
    pandas = pytest.importorskip("pandas")
    frame = pandas.DataFrame({"row": np.arange(31)})
    drawn = frame.sample(frac=0.5, replace=False, random_state=1)["row"].tolist()
    assert drawn == VALIDATION_OF_31


def test_second_run_says_so_and_force_makes_it_again(table, tmp_path, capsys):
    output = tmp_path / "out"
    table.prepare(output)
    assert capsys.readouterr().out.startswith("prepared in ")
    first = read(output)
    shutil.rmtree(table.folder)  # not needed any more
    table.prepare(output)
    told = capsys.readouterr().out
    assert told.startswith("already prepared")
    assert "  train_all/train_data.csv: 60 rows of 501 columns" in told
    assert "  table_train_all/train.csv: 60 rows of 42 columns" in told
    table.folder.mkdir()
    table.save()
    table.prepare(output, force=True)
    assert capsys.readouterr().out.startswith("prepared in ")
    assert read(output) == first
    assert sorted(os.listdir(output)) == sorted(
        [".prepared", *(name.split("/")[0] for name in FILES)]
    )
    assert sorted(os.listdir(output / ".prepared")) == [".lock", "manifest.json"]


@pytest.mark.parametrize("manifest", [None, "", "[]", "{}", "3"])
def test_files_that_do_not_fit_the_manifest_are_made_again(table, tmp_path, capsys, manifest):
    output = tmp_path / "out"
    table.prepare(output)
    good = read(output)
    if manifest is None:
        (output / "valid_all" / "valid_data.csv").write_text("cut")
    else:
        (output / ".prepared" / "manifest.json").write_text(manifest)
    capsys.readouterr()
    table.prepare(output)
    assert capsys.readouterr().out.startswith("prepared in ")
    assert read(output) == good


def test_other_raw_files_are_prepared_anew(table, tmp_path):
    table.prepare(tmp_path / "out")
    first = read(tmp_path / "out")
    RawTable(tmp_path / "raw2", shift=5).prepare(tmp_path / "out")
    second = read(tmp_path / "out")
    assert all(first[name] != second[name] for name in first)


def spoil_train(column, value, line=4):
    def spoil(table):
        table.train[line - 1][RAW_COLUMNS.index(column)] = value

    return spoil


def spoil_test(column, value, line=7):
    def spoil(table):
        table.test[line - 1][RAW_COLUMNS.index(column)] = value

    return spoil


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (lambda table: table.train[2].pop(), r"train.csv.gz, line 3: 41 columns, expected 42"),
        (lambda table: table.test[4].append(" x"), r"test.csv.gz, line 5: 43 columns, expected"),
        (lambda table: table.test.insert(9, []), r"test.csv.gz, line 10: 1 columns, expected 42"),
        (
            spoil_test("race", " Martian"),
            r"test.csv.gz, line 7, column race: expected a category .* ' Martian'",
        ),
        (spoil_test("det_ind_code", " 4x"), r"line 7, column det_ind_code: expected .* ' 4x'"),
        (
            spoil_test("marital_stat", " Nevr married"),
            r"column marital_stat: expected .* ' Nevr married'",
        ),
        (spoil_test("income_50k", " 50000+"), r"column income_50k: expected .* ' 50000\+'"),
        (spoil_test("age", "old"), r"line 7, column age: expected a number, found 'old'"),
        (
            spoil_train("instance_weight", " nan"),
            r"line 4, column instance_weight: expected a number, found ' nan'",
        ),
        (spoil_train("age", '7"'), r"line 4, column age: expected a number, found '7\"'"),
        (spoil_train("race", " Martian"), r"train.csv.gz: column race: 6 categories, expected 5"),
        (spoil_train("det_ind_code", " ?"), r"column det_ind_code: 53 categories, expected 52"),
    ],
)
def test_bad_row_is_named_and_the_earlier_files_stay(tmp_path, spoil, complaint):
    output = tmp_path / "out"
    RawTable(tmp_path / "raw1").prepare(output)
    earlier = read(output)
    bad = RawTable(tmp_path / "raw2", shift=1)
    spoil(bad)
    bad.save()
    with pytest.raises(DataError, match=complaint):
        bad.prepare(output)
    assert read(output) == earlier
    assert sorted(os.listdir(output / ".prepared")) == [".lock", "manifest.json"]


def test_codes_that_are_no_numbers(table, tmp_path):
    column = RAW_COLUMNS.index("det_ind_code")
    for row in table.train:
        row[column] = row[column].replace(" 7", " ?")
    table.save()
    with pytest.raises(DataError, match=r"column det_ind_code: .*\?"):
        table.prepare(tmp_path / "out")


def test_wrong_number_of_rows(table, tmp_path):
    table.test_source = table.test_source._replace(rows=99_762)
    with pytest.raises(DataError, match=r"test\.csv\.gz: 31 rows, expected 99762"):
        table.prepare(tmp_path / "out")


def test_no_trace_where_the_raw_files_are_missing(table, tmp_path):
    shutil.rmtree(table.folder)
    with pytest.raises(DataError, match=r"no file train\.csv or train\.csv\.gz there"):
        table.prepare(tmp_path / "out")
    assert not (tmp_path / "out").exists()


KILL = """
import os, pathlib, signal
calls = 0
def counted(real):
    def call(*arguments):
        global calls
        calls += 1
        if calls == {number}:
            os.kill(os.getpid(), signal.SIGKILL)
        return real(*arguments)
    return call
{owner}.{name} = counted({owner}.{name})
"""


@pytest.mark.parametrize(
    ("owner", "name", "number", "moved"),
    [
        ("os", "fsync", 2, 0),
        ("pathlib.Path", "replace", 1, 0),
        ("pathlib.Path", "replace", 2, 1),
        ("pathlib.Path", "replace", 4, 3),
    ],
)
def test_killed_run_leaves_whole_files_and_the_next_heals(tmp_path, owner, name, number, moved):
    output = tmp_path / "out"
    old, new = RawTable(tmp_path / "raw1"), RawTable(tmp_path / "raw2", shift=5)
    old.prepare(output)
    earlier = read(output)
    patch = KILL.format(owner=owner, name=name, number=number)
    driver = new.driver(tmp_path / "driver.py", patch)
    assert run(driver, "--raw_dir", new.folder, "--output_dir", output).returncode == -9
    killed = read(output)
    assert (output / ".prepared" / "new").exists()

    new.prepare(output)
    healed = read(output)
    assert not (output / ".prepared" / "new").exists()
    for place, file in enumerate(FILES):
        assert killed[file] == (healed if place < moved else earlier)[file]
        assert healed[file] != earlier[file]


def test_full_disk_is_one_line_and_the_earlier_files_stay(tmp_path):
    output = tmp_path / "out"
    RawTable(tmp_path / "raw1").prepare(output)
    earlier = read(output)
    new = RawTable(tmp_path / "raw2", shift=5)
    done = run(
        new.driver(tmp_path / "driver.py"),
        *("--raw_dir", new.folder, "--output_dir", output),
        preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000)),
    )
    assert done.returncode == 2
    place = output / ".prepared" / "new" / "train_all" / "train_data.csv"
    assert done.stderr == f"error: {place}: File too large\n"
    assert read(output) == earlier
    assert not (output / ".prepared" / "new").exists()


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--raw_dir", "nowhere"], "error: RAW_DIR nowhere: no file census-income.data or"),
        (["--raw_dri", "x"], "error: unrecognized arguments: --raw_dri x"),
        (["--output_dir", __file__], "error: "),
    ],
)
def test_command_line_mistakes(table, tmp_path, arguments, complaint, command_env):
    program = ROOT / "datasets" / "census" / "run.sh"
    if "--output_dir" in arguments:
        command = [sys.executable, str(table.driver(tmp_path / "d.py")), "--raw_dir", table.folder]
    else:
        command = ["sh", program, "--output_dir", tmp_path / "out"]
    done = subprocess.run(
        [*command, *arguments], env=command_env, cwd=tmp_path, capture_output=True, text=True
    )
    assert done.returncode == 2
    assert done.stderr.startswith(complaint)
    assert len(done.stderr.splitlines()) == 1
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("data_set", DATA_SETS)
@pytest.mark.parametrize("inside", [True, False])
def test_run_sh_from_any_folder(table, tmp_path, command_env, data_set, inside):
    """In a copy of the scripts, with this table in place of the official files."""
    copy = tmp_path / "copy"
    for name in DATA_SETS:
        (copy / "datasets" / name).mkdir(parents=True)
        shutil.copy(ROOT / "datasets" / name / "run.sh", copy / "datasets" / name)
    shutil.copytree(ROOT / "datasets" / "preparing", copy / "datasets" / "preparing")
    folder = copy / "datasets" / data_set
    # A Python that is asked for the preparation runs the driver, with the options it was given.
    driver = table.driver(tmp_path / "driver.py")
    python = tmp_path / "python"
    python.write_text(
        f'#!/bin/sh\n[ $# = 2 ] && exec {sys.executable} "$@"\n'
        f'shift 4\nexec {sys.executable} {driver} "$@"\n'
    )
    python.chmod(python.stat().st_mode | stat.S_IXUSR)
    cwd = folder if inside else tmp_path
    arguments = [] if data_set == "video" else ["--output_dir", os.path.relpath(folder, cwd)]
    done = subprocess.run(
        ["sh", os.path.relpath(folder / "run.sh", cwd), *arguments],
        env={**command_env, "PYTHON": str(python), "RAW_DIR": os.path.relpath(table.folder, cwd)},
        cwd=cwd,
        capture_output=True,
        text=True,
    )
    assert (done.returncode, done.stderr) == (0, "")
    assert "valid_all/valid_data.csv: 16 rows of 501 columns" in done.stdout
    assert ("column 1 is completion" in done.stdout) == (data_set == "video")
    assert len(rows(folder, "train_all/train_data.csv")) == 60


def test_run_sh_without_a_python(command_env):
    done = subprocess.run(
        ["sh", ROOT / "datasets" / "census" / "run.sh"],
        env={**command_env, "PYTHON": "/nowhere/python"},
        capture_output=True,
        text=True,
    )
    assert done.returncode == 2
    assert done.stderr.startswith("error: /nowhere/python: ")


def test_real_files(tmp_path):
    """The official files, where PADDLEMTL_CENSUS_RAW says or beside the checkout."""
    beside = ROOT.parent / "shared" / "data" / "census"
    raw_dir = Path(os.environ.get("PADDLEMTL_CENSUS_RAW") or beside)
    if not raw_dir.is_dir():
        pytest.skip(f"no census files: {raw_dir}")
    assert prepare.main(["--raw_dir", str(raw_dir), "--output_dir", str(tmp_path)]) == 0

    with (tmp_path / "train_all" / "train_data.csv").open() as file:
        beginnings = [next(file)[:40] for _ in range(3)]
    for beginning, known in zip(
        beginnings,
        (
            "0,0,73,0,0,0,0,1700.09,0,0",
            "0,0,58,0,0,0,0,1053.55,1,0",
            "1,0,18,0,0,0,0,991.95,0,0",
        ),
    ):
        assert beginning.startswith(known + ",")
    manifest = json.loads((tmp_path / ".prepared" / "manifest.json").read_text())
    counts = [manifest["outputs"][name]["rows"] for name in FILES]
    assert counts == [199_523, 49_881, 49_881] * 2
    test = np.loadtxt(tmp_path / "test_all" / "test_data.csv", delimiter=",", dtype=np.float32)
    assert test.shape == (49_881, 501)
    marital, income = 100 * test[:, :2].mean(axis=0, dtype=np.float64)
    assert marital == pytest.approx(43.055, abs=0.001)  # 21,476 of 49,881: one row is 0.002
    assert income == pytest.approx(6.179, abs=0.001)
    for block in BLOCKS:
        start = STARTS[block.column]
        assert (test[:, start : start + block.size].sum(axis=1) == 1).all(), block.column
