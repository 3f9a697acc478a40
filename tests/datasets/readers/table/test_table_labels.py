"""Labels of every type and weights of rows in tables; expected values are written by hand."""

from __future__ import annotations

import json
import logging

import numpy as np
import pyarrow as pa
import pytest
from table_files import arrays, completed, configuration, trained, write_parquet, write_text

from datasets.readers.table import rows as table_rows
from datasets.readers.table.reader import RecDataset

NAN = float("nan")
HEADER = ["click", "seconds", "stars", "mood", "age", "w", "v"]
ROWS = [
    ["yes", 12.5, 3, "good", 20, 1, 0.5],
    ["no", None, 1, "bad", 30, 2, 0],
    ["yes", 0, None, "so, so", 40, 0.25, 1],
    [None, 7, 5, None, 50, 1, 1],
    ["no", -1, 5, "good", 60, 0, 3],
]
TABLE = {
    "labels": ["click", "seconds", "stars", "mood"],
    "dense": ["age"],
    "sparse": None,
    "sample_weight": "w",
}
TASKS = [
    {"name": "click", "label_column": 0, "positive": "yes"},
    {"name": "watch", "label_column": 1, "type": "regression", "missing_label": -1},
    {"name": "stars", "label_column": 2, "type": "multiclass", "class_num": 6},
    {"name": "many", "label_column": 2, "type": "count", "sample_weight": "v"},
    {"name": "best", "label_column": 2, "positive": 5},
    {"name": "mood", "label_column": 3, "type": "multiclass", "classes": "learned"},
]
EXPECTED = [
    [1, 0, 1, -100, 0],
    [12.5, NAN, 0, 7, NAN],
    [3, 1, -100, 5, 5],
    [3, 1, NAN, 5, 5],
    [0, 0, -100, 1, 1],
    [1, 0, 2, -100, 1],  # bad, good, "so, so"
    [1, 2, 0.25, 1, 0],  # w, first used by click; then v
    [0.5, 0, 1, 1, 3],
]


@pytest.mark.parametrize("kind", ["csv", "parquet", "classes of integers"])
def test_labels_and_weights_of_every_type(tmp_path, kind):
    path = str(tmp_path / ("a.csv" if kind == "csv" else "a.parquet"))
    if kind == "csv":
        write_text(path, ROWS, HEADER)
    else:
        stars = pa.int8() if kind != "parquet" else pa.float64()
        write_parquet(path, ROWS, HEADER, stars=stars)
    age, *found = arrays(trained(tmp_path, path, table=TABLE, tasks=TASKS))
    assert age.dtype == np.float32
    kinds = ["i8", "f4", "i8", "f4", "i8", "i8", "f4", "f4"]
    assert [column.dtype.str[1:] for column in found] == kinds
    for column, expected in zip(found, EXPECTED):
        np.testing.assert_array_equal(column, np.array(expected)[:, None])


def test_learned_classes_follow_from_the_vocabulary(tmp_path):
    train = write_text(tmp_path / "a.csv", ROWS, HEADER)
    config = completed(configuration(tmp_path, table=TABLE, tasks=TASKS), [train])
    mood = config["hyper_parameters.tasks"][-1]
    assert (mood["classes"], mood["class_num"]) == (["bad", "good", "so, so"], 3)
    assert config["hyper_parameters.tasks"][:-1] == TASKS[:-1]
    with open(config["hyper_parameters.table.vocabulary"], encoding="utf-8") as file:
        kept = json.load(file)["classes"]["mood"]
    assert kept == {"column": "mood", "missing_label": None, "names": mood["classes"]}
    # Evaluation, and a training that goes on, take them from the checkpoint's vocabulary.
    encoding = config["hyper_parameters.encoding"]
    other = write_text(tmp_path / "b.csv", [ROWS[0], ROWS[4]], HEADER)
    for files in (None, [other]):
        again = completed(configuration(tmp_path, table=TABLE, tasks=TASKS), files, encoding)
        assert again["hyper_parameters.tasks"] == config["hyper_parameters.tasks"]
    assert arrays(RecDataset([other], again))[6].tolist() == [[1], [1]]
    new = [[*ROWS[0][:3], "ugly", *ROWS[0][4:]]]
    unknown = write_text(tmp_path / "c.csv", new, HEADER)
    with pytest.raises(
        ValueError, match=r"mood: expected a class, bad, good, so, so, found 'ugly'"
    ):
        RecDataset([unknown], config)
    # Another declaration learns anew, and none of an earlier checkpoint is made up.
    explicit = [*TASKS[:-1], {**TASKS[-1], "classes": ["good", "bad", "so, so"]}]
    plain = completed(configuration(tmp_path, table=TABLE, tasks=explicit), [train])
    assert plain["hyper_parameters.encoding"] != encoding
    assert arrays(RecDataset([train], plain))[6][:, 0].tolist() == [0, 1, 2, -100, 0]
    values = configuration(tmp_path, table=TABLE, tasks=TASKS)
    with pytest.raises(ValueError, match="tasks: mood: classes: learned, but the vocabulary of"):
        completed(values, None, plain["hyper_parameters.encoding"])


def test_rows_are_encoded_anew_only_if_labels_are_read_otherwise(tmp_path, monkeypatch):
    path = write_text(tmp_path / "a.csv", ROWS, HEADER)
    trained(tmp_path, path, table=TABLE, tasks=TASKS)
    monkeypatch.setattr(table_rows, "encoded", None)
    named = [{**task, "name": f"my_{task['name']}", "weight": 2} for task in TASKS[:5]]
    named.append(TASKS[5])
    found = arrays(trained(tmp_path, path, table=TABLE, tasks=named))
    np.testing.assert_array_equal(found[1][:, 0], EXPECTED[0])


@pytest.mark.parametrize(
    ("row", "column", "cell", "problem"),
    [
        (1, "click", "maybe", "click: expected a label true or false, found 'maybe' (task click"),
        (1, "seconds", "long", "seconds: expected a number, found 'long' (if it means a missing"),
        (1, "stars", 6, "stars: expected a class from 0 to 5, found '6' (task stars: set its mi"),
        (1, "stars", -2, "stars: expected a c"),
        (1, "w", None, "w: expected a weight of at least 0, found nothing (write 1 for a usual"),
        (1, "w", "NA", "w: expected a weight of at least 0, found nothing (write 1 for a usual"),
        (1, "v", -0.5, "v: expected a weight of at least 0, found -0.5 (write 1 for a usual row"),
        (1, "v", "x", "v: expected a number, found 'x'"),
    ],
)
def test_a_label_or_weight_that_cannot_be_used(tmp_path, row, column, cell, problem):
    rows = [[*cells] for cells in ROWS]
    rows[row][HEADER.index(column)] = cell
    path = write_text(tmp_path / "a.csv", rows, HEADER)
    with pytest.raises(ValueError, match=r"\w") as caught:
        trained(tmp_path, path, table=TABLE, tasks=TASKS)
    assert str(caught.value).startswith(f"{path}:{row + 2}: column {problem}")


@pytest.mark.parametrize(
    ("table", "task", "problem"),
    [
        ({"dense": ["age", "w"]}, {}, "expected columns that are no weights, found 'w'"),
        ({"sample_weight": 3}, {}, "table.sample_weight: expected the name of a column, found 3"),
        ({"sample_weight": "u"}, {}, "there is no column u among click, seconds, stars, mood"),
        (
            {},
            {"positive": "si"},
            "positive: expected a value of the column click, such as 'no', 'y",
        ),
        ({}, {"type": "multiclass", "classes": "learned", "label_column": 4}, "from 0 to 3"),
    ],
)
def test_a_declaration_that_does_not_fit_the_table(tmp_path, table, task, problem):
    path = write_text(tmp_path / "a.csv", ROWS, HEADER)
    tasks = [{**TASKS[0], **task}]
    with pytest.raises(ValueError, match=problem):
        trained(tmp_path, path, table={**TABLE, **table}, tasks=tasks)


def test_classes_are_learned_from_at_least_two(tmp_path):
    rows = [[*cells[:3], "good", *cells[4:]] for cells in ROWS]
    path = write_text(tmp_path / "a.csv", rows, HEADER)
    with pytest.raises(ValueError, match="column mood: expected at least two classes of the task"):
        trained(tmp_path, path, table=TABLE, tasks=TASKS)


def test_some_files_with_and_some_without_columns(tmp_path, caplog):
    train = write_text(tmp_path / "a.csv", ROWS, HEADER)
    config = completed(configuration(tmp_path, table=TABLE, tasks=TASKS), [train])
    kept = [HEADER.index(name) for name in ("seconds", "age", "v")]
    part = [[row[place] for place in kept] for row in ROWS]
    second = write_parquet(tmp_path / "b.parquet", part, [HEADER[place] for place in kept])
    caplog.set_level(logging.WARNING)
    found = arrays(RecDataset([train, second], config))[1:]
    for place, (column, expected) in enumerate(zip(found, EXPECTED)):
        absent = {1: expected, 3: [NAN] * 5, 6: [1] * 5, 7: expected}.get(place, [-100] * 5)
        np.testing.assert_array_equal(column[:, 0], [*expected, *absent])
    warnings = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    assert warnings == [
        f"no column click in 1 of 2 files, such as {second}: no label of click",
        f"no column stars in 1 of 2 files, such as {second}: no label of stars, no label of many, "
        "no label of best",
        f"no column mood in 1 of 2 files, such as {second}: no label of mood",
        f"no column w in 1 of 2 files, such as {second}: weight 1",
    ]
    # Without any label a file is rows to predict, also if it has weights.
    bare = write_text(tmp_path / "c.csv", [[5, 1]], ["age", "w"])
    assert [column.tolist() for column in arrays(RecDataset([bare], config))] == [[[5]]]
    # Training files need every label and weight, also where a training goes on.
    values = configuration(tmp_path, table=TABLE, tasks=TASKS)
    for encoding in (None, config["hyper_parameters.encoding"]):
        with pytest.raises(ValueError, match=r"b\.parquet: there is no column click among sec"):
            completed(values, [train, second], encoding)


def test_statistics_of_labels_and_weights(tmp_path):
    path = write_text(tmp_path / "a.csv", ROWS, HEADER)
    tasks = [TASKS[0], {**TASKS[1], "rows": "click"}, *TASKS[2:]]
    found = trained(tmp_path, path, table=TABLE, tasks=tasks).column_statistics()["tasks"]
    click, watch, stars, many, best, mood = found
    assert (click["rows"], click["missing"], click["positives"]) == (4, 1, 2)
    assert (click["weights"], click["zero_weights"]) == (3.25, 1)
    assert (watch["rows"], watch["missing"], watch["mean"], watch["most"]) == (2, 2, 6.25, 12.5)
    assert stars["classes"] == {"0": 0, "1": 1, "2": 0, "3": 1, "4": 0, "5": 2}
    assert (many["mean"], many["sample_weight"], many["weights"]) == (3.5, "v", 4.5)
    assert (best["positives"], mood["classes"]) == (2, {"bad": 1, "good": 2, "so, so": 1})
