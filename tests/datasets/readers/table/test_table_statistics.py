"""Statistics of a table's columns are what a person counts in it; odd cells are recognised."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from table_files import ROWS, arrays, completed, configuration, trained, write_parquet, write_text

from datasets.readers.table import rows
from datasets.readers.table.reader import RecDataset

AGE = {"column": "age", "kind": "dense", "rows": 5, "missing": 1, "least": 20.0, "most": 40.0}
PRICE = {"column": "price", "kind": "dense", "rows": 5, "missing": 1, "least": 1e-3, "most": 2.0}
CITY = {"column": "city", "kind": "sparse", "rows": 5, "missing": 1, "ids": 3, "hashed": False}
CITY = {**CITY, "values": 4, "unknown": 0, "odd": []}
USER = {"column": "user", "kind": "sparse", "rows": 5, "missing": 1, "ids": 50, "hashed": True}
USER = {**USER, "values": 4, "unknown": None, "odd": []}
# a|b, b, c|b|a|d, nothing, a||b: nine values in four cells, one of them longer than max_len.
TAGS = {"column": "tags", "kind": "sequence", "rows": 5, "missing": 1, "ids": 4, "hashed": False}
TAGS = {**TAGS, "values": 9, "unknown": 0, "odd": [], "cut": 1, "max_len": 3, "keep": "last"}
BINARY = {"type": "binary", "missing": 0}
TASKS = [
    {"task": "click", "label": "click", **BINARY, "rows": 5, "positives": 3},
    {"task": "like", "label": "like", **BINARY, "rows": 5, "positives": 3},
]


@pytest.mark.parametrize("write", [write_text, write_parquet])
def test_statistics_of_a_table(tmp_path, write, monkeypatch):
    path = write(tmp_path / ("a.csv" if write is write_text else "a.parquet"))
    found = trained(tmp_path, path).column_statistics()
    assert found == {"rows": 5, "columns": [AGE, PRICE, CITY, USER, TAGS], "tasks": TASKS}
    json.dumps(found)
    monkeypatch.setattr(rows, "encoded", None)  # counted once, with the parsed copy
    assert trained(tmp_path, path).column_statistics() == found


def test_statistics_over_several_files_and_of_unknown_values(tmp_path):
    train = write_text(tmp_path / "train.csv")
    other = [["", 1, -7, "Lima", 1234, "zzz|c|new|b|a|d", None, 1], ROWS[0], ROWS[3]]
    test = write_text(tmp_path / "test.csv", other)
    config = completed(configuration(tmp_path), [train])
    age, price, city, user, tags = RecDataset([train, test], config).column_statistics()["columns"]
    assert (age["rows"], age["missing"], age["least"], age["most"]) == (8, 1, -7, 40)
    assert (price["rows"], price["missing"]) == (8, 2)
    assert (city["values"], city["unknown"], city["missing"]) == (7, 1, 1)
    assert (user["unknown"], user["missing"]) == (None, 1)
    assert (tags["values"], tags["unknown"], tags["cut"], tags["missing"]) == (17, 2, 2, 2)


def test_counts_that_are_gone_are_counted_again(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = write_text(tmp_path / "a.csv")
    expected = trained(tmp_path, path).column_statistics()
    for copy in (tmp_path / "paddlemtl").glob(".a.csv.*.npy"):
        if np.load(copy).dtype == np.float64:
            copy.unlink()
    assert trained(tmp_path, path).column_statistics() == expected


def test_a_task_that_counts_in_some_rows(tmp_path):
    """Click is 1, 0, 0, 1, 1 and like is 0, 1, 0, 1, 1: one like is without a click."""
    tasks = [
        {"name": "ctr", "label_column": 0},
        {"name": "cvr", "label_column": 1, "rows": "ctr", "weight": 0},
        {"name": "ctcvr", "label_column": 1},
    ]
    data = trained(tmp_path, write_text(tmp_path / "a.csv"), tasks=tasks)
    assert data.column_statistics()["tasks"] == [
        {"task": "ctr", "label": "click", **BINARY, "rows": 5, "positives": 3},
        {
            "task": "cvr",
            "label": "like",
            **BINARY,
            "rows": 3,
            "positives": 2,
            "where": "ctr",
            "outside": 1,
        },
        {"task": "ctcvr", "label": "like", **BINARY, "rows": 5, "positives": 3},
    ]


def column(cells):
    """A table with a label and one column of cells."""
    return [[row % 2, cell] for row, cell in enumerate(cells)]


PRINTED = "are printed lists such as ['x', 'y']: set separator and max_len, and lists of Python"
WEIGHTS = "are values with a weight such as x:0.5: set weighted: true"
ROUNDED = "are numbers with an exponent such as 1.2e+17: write identifiers as integers or text"


@pytest.mark.parametrize(
    ("cells", "odd"),
    [
        (["['x', 'y']", "['z']", "[]"], PRINTED),
        (["[1, 2]", "[3]", "[]"], PRINTED),
        (["[1 2]", "[3]", "a"], PRINTED),
        (["('x', 'y')", '{"a": 1}'], PRINTED),
        (["x:0.5", "y:1.25", "z:.5"], WEIGHTS),
        (["x:0.5|y:1.0", "12:0.25"], WEIGHTS),
        (["1.23457e+17", "1e18", "2.5E+20"], ROUNDED),
        (["12:30", "12:30:05.25", "a:1", "http://x.y"], None),
        (["[Official]", "(live)", "{x}", "it's", "5e", "1.5", "-2"], None),
    ],
)
def test_cells_that_become_strange_categories(tmp_path, cells, odd):
    table = {"labels": ["y"], "dense": None, "sparse": ["c"]}
    most = write_text(tmp_path / "most.csv", column(cells * 20), ["y", "c"])
    if odd is None:
        found = trained(tmp_path, most, table=table).column_statistics()["columns"]
        assert found[0]["odd"] == []
        return
    share = sum(cell != "a" for cell in cells) / len(cells)
    with pytest.raises(ValueError, match=r"\w") as caught:
        trained(tmp_path, most, table=table)
    assert str(caught.value).startswith(f"{most}: column c: {share:.1%} of the cells {odd}")
    # Some are a warning, also in files to evaluate; there, most are an error too.
    some = write_text(tmp_path / "some.csv", column([*"abcdefgh" * 5, *cells]), ["y", "c"])
    config = completed(configuration(tmp_path, table=table), [some])
    (found,) = RecDataset([some], config).column_statistics()["columns"][0]["odd"]
    few = sum(cell != "a" for cell in cells) / (40 + len(cells))
    assert found.startswith(f"{few:.1%} of the cells {odd}")
    with pytest.raises(ValueError, match="column c: "):
        RecDataset([most], config)


def test_printed_lists_are_the_values_of_a_cell(tmp_path):
    """As pandas writes a column of lists, and as JSON; None is missing, 7.0 is 7."""
    lists = [["a", "b"], ["it's", 'say "b"'], ["c, d"], [7, -1.0], [None, "a"], [], ["北京", "\\"]]
    header = ["y", "c"]
    table = {"labels": ["y"], "dense": None}
    table["sparse"] = [{"name": "c", "separator": "|", "max_len": 2}]
    names = {"python": str, "json": json.dumps}
    paths = [
        write_text(tmp_path / f"{name}.csv", column(map(form, lists)), header)
        for name, form in names.items()
    ]
    texts = [[str(value).replace(".0", "") for value in cell if value] for cell in lists]
    split = write_text(tmp_path / "split.csv", column(map("|".join, texts)), header)
    config = completed(configuration(tmp_path, table=table), [split])
    expected = arrays(RecDataset([split], config))[0]
    assert (expected > 0).sum() == sum(map(len, texts))
    for path in paths:
        np.testing.assert_array_equal(arrays(RecDataset([path], config))[0], expected)
    mixed = write_text(tmp_path / "mixed.csv", column(["x|['a'", "[a|b]", "[1 2]"]), header)
    learned = completed(configuration(tmp_path, table=table), [mixed])
    path = Path(learned["hyper_parameters.table.vocabulary"])
    vocabulary = json.loads(path.read_text(encoding="utf-8"))
    assert vocabulary["vocabularies"]["c"] == ["['a'", "[1 2]", "[a", "b]", "x"]
