"""The table about the data, when a share counts as far above training's, and what is kept."""

from __future__ import annotations

import json
import logging
from types import SimpleNamespace

import pytest

from engine.config.config import Config
from engine.data import column_statistics
from engine.system.errors import UserError

COLUMNS = [
    {"column": "age", "kind": "dense", "rows": 200, "missing": 3, "least": -1.5, "most": 80.0},
    {"column": "size", "kind": "dense", "rows": 200, "missing": 200, "least": None, "most": None},
    {
        "column": "城市",
        "kind": "sparse",
        "rows": 200,
        "missing": 0,
        "ids": 12,
        "hashed": False,
        "values": 200,
        "unknown": 5,
        "odd": [],
    },
    {
        "column": "history",
        "kind": "sequence",
        "rows": 200,
        "missing": 20,
        "ids": 5000,
        "hashed": True,
        "values": 900,
        "unknown": None,
        "cut": 25,
        "max_len": 4,
        "keep": "last",
    },
    {"column": "tag", "kind": "sparse", "rows": 200, "ids": 46},
]
TASKS = [
    {"task": "ctr", "label": "click", "rows": 200, "positives": 50},
    {
        "task": "cvr",
        "label": "buy",
        "rows": 50,
        "positives": 4,
        "where": "ctr",
        "outside": 6,
    },
    {"task": "ctcvr", "label": "buy", "rows": 200, "positives": 10},
]
FOUND = {"rows": 200, "columns": COLUMNS, "tasks": TASKS}
TABLE = """\
column             kind      rows  missing  values                OOV   cells cut
ctr (label click)  label     200            50 positive (25.00%)
cvr (label buy)    label     50             4 positive (8.00%)
ctcvr (label buy)  label     200            10 positive (5.00%)
age                dense     200   1.5%     -1.5 to 80
size               dense     200   100.0%
城市               sparse    200   0.0%     12 ids                2.5%
history            sequence  200   10.0%    hashed to 5000              25 (12.5%), the last 4 are kept
tag                sparse    200            46 ids"""  # noqa: E501


def source(statistics):
    return SimpleNamespace(column_statistics=lambda: statistics)


@pytest.fixture
def log(caplog):
    caplog.set_level(logging.INFO)
    return lambda: [(record.levelname, record.getMessage()) for record in caplog.records]


def config(root, **runner):
    values = {f"runner.{key}": str(value) for key, value in runner.items()}
    return Config({"runner.model_save_path": str(root), **values}, str(root / "config.yaml"))


def changed(column, **counts):
    entries = [{**entry, **counts} if entry["column"] == column else entry for entry in COLUMNS]
    return {**FOUND, "columns": entries, "tasks": TASKS[:1]}


def test_a_training_shows_its_data_warns_and_keeps_the_table(tmp_path, log):
    column_statistics.report_training(config(tmp_path), source(FOUND), None)
    assert log() == [
        ("INFO", f"training data\n{TABLE}"),
        (
            "WARNING",
            "training data: 6 of 10 rows with buy = 1 have click = 0: the task cvr leaves them "
            "out, but ctcvr counts them as positive",
        ),
    ]
    column_statistics.save(source(FOUND), str(tmp_path))
    kept = json.loads((tmp_path / "training_data.json").read_text(encoding="utf-8"))
    assert kept == FOUND
    (tmp_path / "4").mkdir()
    assert column_statistics.find(str(tmp_path / "run_1" / "0")) is not None  # moved there
    assert column_statistics.find(str(tmp_path / "other" / "0")) is None
    path, shares = column_statistics.find(str(tmp_path / "4"))
    assert path == str(tmp_path / "training_data.json")
    assert shares["history", "sequence"] == {"missing": 0.1, "unknown": None}


@pytest.mark.parametrize(
    ("column", "counts", "warning"),
    [
        # Training: 2.5 % unknown, 1.5 % and 10 % missing. Far: over three times and 5 points more.
        ("城市", {"unknown": 16}, "8.0% of the values are out-of-vocabulary, 2.5% in the"),
        ("城市", {"unknown": 15}, None),  # 7.5 % is not over three times
        ("age", {"missing": 13}, "6.5% of the cells are missing, 1.5% in the training data"),
        ("age", {"missing": 12}, None),  # 6 % is four times, but only 4.5 points more
        ("history", {"missing": 61}, "30.5% of the cells are missing, 10.0% in the"),
        ("history", {"missing": 60}, None),
        ("城市", {"missing": 199, "values": 1, "unknown": 1}, "100.0% of the values are out"),
        ("城市", {"missing": 200, "values": 0, "unknown": 0}, "100.0% of the cells are missing"),
        ("tag", {"missing": 200}, None),  # not counted in training
    ],
)
def test_what_is_far_above_training(tmp_path, log, column, counts, warning):
    column_statistics.save(source(changed("")), str(tmp_path))
    before = len(log())
    column_statistics.report(source(changed(column, **counts)), "test data", str(tmp_path / "4"))
    lines = log()[before:]
    assert len(lines) == (warning is not None)
    for level, line in lines:
        assert level == "WARNING"
        assert line.startswith(f"test data: column {column}: ")
        assert warning in line
        assert line.endswith(f" in the training data ({tmp_path / 'training_data.json'})")


def test_a_second_day_and_validation_rows_are_compared(tmp_path, log):
    first, second = tmp_path / "first", tmp_path / "second"
    for folder in (first, second):
        folder.mkdir()
    column_statistics.save(source(changed("")), str(first))
    before = len(log())
    worse = changed("age", missing=150)
    column_statistics.report_training(
        config(second, model_init_path=first / "0"),
        source(worse),
        source(changed("城市", unknown=200)),
    )
    levels = [level for level, _ in log()[before:]]
    lines = [line for _, line in log()[before:]]
    assert levels == ["INFO", "WARNING", "WARNING"]
    assert lines[1].startswith("training data: column age: 75.0% of the cells are missing, 1.5%")
    assert lines[1].endswith(f"({first / 'training_data.json'})")
    assert lines[2].startswith("validation data: column 城市: 100.0% of the values are out-of-")
    assert lines[2].endswith("2.5% in the training data")
    # Resumed in the same folder, on the same data: nothing to say.
    column_statistics.save(source(worse), str(second))
    before = len(log())
    column_statistics.report_training(config(second, resume=True), source(worse), None)
    assert [level for level, _ in log()[before:]] == ["INFO"]


@pytest.mark.parametrize(
    "content",
    [b"", b"{", b"[]", b"null", b"\xff", b'{"columns": [1]}', b'{"columns": {"a": 1}}']
    + [
        json.dumps({"columns": [{"column": "age", "kind": "dense", **entry}]}).encode()
        for entry in (
            {"rows": "x", "missing": 1},
            {"rows": [1], "missing": 1},
            {"rows": 1, "missing": {}},
            {"rows": 3, "missing": 10**400},
            {"values": 1, "unknown": "1"},
            {"kind": []},
            {"column": {}},
        )
    ],
)
def test_a_damaged_file_is_a_warning(tmp_path, log, content):
    (tmp_path / "training_data.json").write_bytes(content)
    column_statistics.report(source(FOUND), "test data", str(tmp_path))
    (warning,) = [line for _, line in log() if "ctcvr" not in line]
    assert warning.startswith(f"{tmp_path / 'training_data.json'} is damaged: no data are compared")
    assert "\n" not in warning


def test_readers_without_statistics_and_runs_without_the_file(tmp_path, log):
    for silent in (SimpleNamespace(), source(None)):
        column_statistics.report_training(config(tmp_path), silent, silent)
        column_statistics.save(silent, str(tmp_path))
    column_statistics.report(source(changed("age", missing=200)), "test data", str(tmp_path))
    assert log() == []
    assert list(tmp_path.iterdir()) == []


LABELS = [
    {
        "task": "like",
        "label": "like",
        "type": "binary",
        "rows": 150,
        "missing": 50,
        "positives": 30,
        "sample_weight": "w",
        "weights": 120.5,
        "zero_weights": 3,
    },
    {
        "task": "watch",
        "label": "seconds",
        "type": "regression",
        "rows": 50,
        "missing": 0,
        "mean": 3.25,
        "least": 0.0,
        "most": 9.5,
        "where": "like",
    },
    {
        "task": "rating",
        "label": "rating",
        "type": "multiclass",
        "rows": 200,
        "missing": 0,
        "classes": {"bad": 50, "good": 150},
    },
]
LABEL_TABLE = """\
column                 kind   rows  missing  values                                               OOV  cells cut
like                   label  150   25.0%    30 positive (20.00%), weights 120.5 in all, 3 are 0
watch (label seconds)  label  50             0 to 9.5, mean 3.25
rating                 label  200            2 classes: bad 25.0%, good 75.0%"""  # noqa: E501


def test_labels_of_every_type():
    assert column_statistics.table({"rows": 200, "columns": [], "tasks": LABELS}) == LABEL_TABLE


@pytest.mark.parametrize(
    ("place", "counts", "problem"),
    [
        (0, {"rows": 0, "missing": 200}, "task like: no row has a label in column like"),
        (1, {"rows": 0}, "task watch: no row counts, because like is never 1 where a row has a"),
        (0, {"zero_weights": 150}, "task like: all its rows have weight 0 in column w: it is not"),
    ],
)
def test_a_task_that_no_row_trains(tmp_path, log, place, counts, problem):
    tasks = [{**entry, **counts} if entry is LABELS[place] else entry for entry in LABELS]
    found = {"rows": 200, "columns": [], "tasks": tasks}
    if "missing" in counts:  # an error in a new training, a warning in one that goes on
        with pytest.raises(UserError, match=f"training data: {problem}: fill the column, or rem"):
            column_statistics.report_training(config(tmp_path), source(found), None)
        column_statistics.save(source(FOUND), str(tmp_path))
    column_statistics.report_training(config(tmp_path, resume=True), source(found), None)
    assert [line for level, line in log() if level == "WARNING" and problem in line]
