"""What is wrong with a table, its configuration or its vocabulary is one clear line."""

from __future__ import annotations

import gzip
import json
import os
import re
import resource
import subprocess
import sys
from pathlib import Path

import pytest
from table_files import (
    HEADER,
    ROWS,
    TABLE,
    completed,
    configuration,
    trained,
    write_parquet,
    write_text,
)

from datasets.readers.table.reader import RecDataset
from engine.model_folder import loading


def refused(folder, *paths, **values):
    """What the training files are refused with; nothing is left behind."""
    before = sorted(folder.rglob("*"))
    with pytest.raises(ValueError, match=r"\w") as caught:
        trained(folder, *paths, **values)
    assert sorted(folder.rglob("*")) == before
    message = str(caught.value)
    assert "\n" not in message
    return message.replace(f"{folder}{os.sep}", "")


MISSING = "if it means a missing value, add it to hyper_parameters.table.missing"
LABEL = "set its positive or missing_label, or leave cells without a label empty"
ENCODING = "for another encoding set hyper_parameters.table.encoding, such as gbk or latin-1"


def changed(row, column, value):
    rows = [[*cells] for cells in ROWS]
    rows[row][HEADER.index(column)] = value
    return rows


@pytest.mark.parametrize(
    ("row", "column", "value", "line", "problem"),
    [
        (1, "click", 2, 3, f"expected a label 0 or 1, found '2' (task click: {LABEL})"),
        (0, "like", "yes", 2, f"expected a label 0 or 1, found 'yes' (task like: {LABEL})"),
        (3, "age", "forty", 5, f"expected a number, found 'forty' ({MISSING})"),
        (3, "price", "1,5", 5, f"expected a number, found '1,5' ({MISSING})"),
        (2, "price", "inf", 4, f"expected a number, found 'inf' ({MISSING})"),
        (2, "price", "1e39", 4, f"expected a number, found '1e39' ({MISSING})"),
        (2, "price", "1_0", 4, f"expected a number, found '1_0' ({MISSING})"),
    ],
)
def test_a_cell_that_cannot_be_used(tmp_path, row, column, value, line, problem):
    path = write_text(tmp_path / "a.csv", changed(row, column, value))
    assert refused(tmp_path, path) == f"a.csv:{line}: column {column}: {problem}"


def test_the_line_counts_newlines_in_quotes_and_blank_lines(tmp_path):
    rows = changed(4, "like", 7)
    rows[0][0] = "two\nlines"
    path = Path(write_text(tmp_path / "a.csv", rows))
    text = path.read_text().replace("\n0,", "\n0,", 1).replace(HEADER[0], f"\n\n{HEADER[0]}", 1)
    path.write_text(text)
    assert text.splitlines()[8].endswith(",7")
    assert refused(tmp_path, str(path)).startswith("a.csv:9: column like: ")


@pytest.mark.parametrize(
    ("column", "value", "problem"),
    [
        ("like", 3, f"column like: expected a label 0 or 1, found '3' (task like: {LABEL})"),
        ("price", float("inf"), "column price: expected a number, found inf"),
    ],
)
def test_a_cell_of_parquet_that_cannot_be_used(tmp_path, column, value, problem):
    path = write_parquet(tmp_path / "a.parquet", changed(2, column, value))
    assert refused(tmp_path, path) == f"a.parquet: row 3: {problem}"


def test_a_parquet_column_of_the_wrong_type(tmp_path):
    rows = [[*row[:3], [1, 2], *row[4:]] for row in ROWS]
    message = refused(tmp_path, write_parquet(tmp_path / "a.parquet", rows))
    assert re.match(
        r"a\.parquet: row 1: column city: expected one value a cell, found list", message
    )


@pytest.mark.parametrize("cells", [7, 9])
def test_a_ragged_row(tmp_path, cells):
    rows = [[*row] for row in ROWS]
    rows[2] = [*rows[2], "x"][:cells]
    path = write_text(tmp_path / "a.csv", rows)
    assert refused(tmp_path, path) == f"a.csv:4: expected 8 columns, found {cells}"


def test_a_column_that_is_not_there(tmp_path):
    table = {"dense": ["age", "weight"]}
    expected = "there is no column weight among note, click, age, city, user, tags, price, like"
    path = write_text(tmp_path / "a.csv")
    assert refused(tmp_path, path, table=table) == f"a.csv:1: {expected}"
    path = write_parquet(tmp_path / "a.parquet")
    assert refused(tmp_path, path, table=table) == f"a.parquet: {expected}"


def test_training_files_need_every_label(tmp_path):
    rows = [[*row[:1], *row[2:7]] for row in ROWS]
    path = write_text(tmp_path / "a.csv", rows, [*HEADER[:1], *HEADER[2:7]])
    expected = "a.csv:1: there is no column click among note, age, city, user, tags, price"
    assert refused(tmp_path, path) == expected


def test_another_delimiter_shows_in_the_message(tmp_path):
    path = write_text(tmp_path / "a.csv", delimiter=";")
    message = refused(tmp_path, path)
    assert message.startswith("a.csv:1: there is no column click among note;click;")
    assert message.endswith("(hyper_parameters.table.delimiter is ',')")


def test_a_column_that_is_there_twice(tmp_path):
    path = write_text(tmp_path / "a.csv", header=[*HEADER[:7], "click"])
    table = {"labels": ["click"]}
    assert refused(tmp_path, path, table=table) == (
        "a.csv:1: expected each column only once, found click again"
    )


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b""),
        ("a.csv", b"\n\n"),
        ("a.csv", b"\xef\xbb\xbf"),
        ("a.csv", ",".join(HEADER).encode()),
        ("a.csv", (",".join(HEADER) + "\n\n").encode()),
        ("a.csv.gz", gzip.compress(b"", mtime=0)),
    ],
)
def test_an_empty_file(tmp_path, name, content):
    (tmp_path / name).write_bytes(content)
    assert refused(tmp_path, str(tmp_path / name)) == f"{name}: the file holds no rows"


def test_an_empty_parquet_file(tmp_path):
    assert refused(tmp_path, write_parquet(tmp_path / "a.pq", [ROWS[0]][:0] or [], [])).startswith(
        "a.pq: there is no column click"
    )


@pytest.mark.parametrize("others", [("spare",), ("spare", "spare")])
def test_a_quotation_mark_that_is_never_closed(tmp_path, others):
    """Else the rows after it would be one cell, and missing without a word."""
    lines = [",".join([*HEADER[1:], *others])]
    lines += [",".join([f"1,20,Rome,7,a,1.5,{row % 2}", *others]) for row in range(5)]
    lines[3] = lines[3].removesuffix("spare") + '"spare'
    (tmp_path / "a.csv").write_text("\n".join(lines) + "\n")
    message = refused(tmp_path, str(tmp_path / "a.csv"))
    assert message == "a.csv:4: a quotation mark is opened and never closed"


def test_a_row_of_many_megabytes(tmp_path):
    path = write_text(tmp_path / "a.csv", changed(0, "note", "x" * (9 << 20)))
    assert refused(tmp_path, path).startswith("a.csv: expected rows of at most 4 MB")


@pytest.mark.parametrize(
    ("kind", "city", "header", "line"),
    [("latin-1", "Malmö", "note", 3), ("gbk", "北京", "备注", 1), ("utf-16", "Rome", "note", 1)],
)
def test_text_in_another_encoding(tmp_path, kind, city, header, line):
    rows = changed(1, "city", city)
    path = write_text(tmp_path / "a.csv", rows, [header, *HEADER[1:]], encoding=kind)
    assert refused(tmp_path, path) == f"a.csv:{line}: expected text in UTF-8 ({ENCODING})"


@pytest.mark.parametrize("name", ["a.csv", "a.csv.gz"])
def test_text_that_is_not_in_the_encoding_of_the_yaml(tmp_path, name):
    rows = changed(1, "city", "北京")
    content = Path(write_text(tmp_path / "a.csv", rows, encoding="gbk")).read_bytes()
    content += b"x,1,2,\xff\xff,7,a,1,0\n"
    (tmp_path / name).write_bytes(gzip.compress(content) if name.endswith("gz") else content)
    message = refused(tmp_path, str(tmp_path / name), table={"encoding": "gbk"})
    expected = "expected text in GBK, as hyper_parameters.table.encoding says"
    assert message == f"{name}:7: {expected}"


@pytest.mark.parametrize("name", ["a.csv.gz", "a.parquet"])
def test_a_file_that_is_cut_off(tmp_path, name):
    if name == "a.parquet":
        content = Path(write_parquet(tmp_path / name)).read_bytes()
    else:
        text = Path(write_text(tmp_path / "whole.csv", ROWS * 100)).read_bytes()
        content = gzip.compress(text)
    (tmp_path / name).write_bytes(content[: len(content) // 2])
    assert refused(tmp_path, str(tmp_path / name)).startswith(f"{name}: ")


def test_a_file_of_another_kind(tmp_path):
    (tmp_path / "notes.md").write_text("x")
    message = refused(tmp_path, write_text(tmp_path / "a.csv"), str(tmp_path / "notes.md"))
    assert message.startswith("notes.md: expected a name that ends in .csv, .tsv, ")


def test_marker_files_of_spark_are_passed_over(tmp_path):
    (tmp_path / "_SUCCESS").write_text("")
    assert len(trained(tmp_path, str(tmp_path / "_SUCCESS"), write_text(tmp_path / "a.csv"))) == 5
    assert refused(tmp_path, str(tmp_path / "_SUCCESS")).endswith(
        "expected a table in the folder, found none"
    )


def test_columns_without_a_value(tmp_path):
    path = write_text(tmp_path / "a.csv", [[*r[:2], None, *r[3:]] for r in ROWS])
    assert refused(tmp_path, path) == (
        "column age: expected a number in some training row, found none "
        "(remove the column from hyper_parameters.table.dense)"
    )
    path = write_text(tmp_path / "a.csv")
    table = {"sparse": [{"name": "city", "min_count": 3}]}
    expected = (
        "column city: expected a value in at least 3 training rows, found none "
        "(lower hyper_parameters.table.sparse: city: min_count)"
    )
    assert refused(tmp_path, path, table=table) == expected
    path = write_text(tmp_path / "a.csv", [[*r[:3], "", *r[4:]] for r in ROWS])
    expected = "found none (remove the column from hyper_parameters.table.sparse)"
    assert refused(tmp_path, path, table={"sparse": ["city"]}).endswith(expected)


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"labels": None}, "table.labels: expected a list of label columns, found None"),
        ({"labels": "click"}, "table.labels: expected a list of texts, found 'click'"),
        ({"labels": [1]}, "table.labels: expected texts, found 1"),
        ({"dense": None, "sparse": None}, "table: expected columns under dense, sparse or both"),
        (
            {"dense": ["age", "click"]},
            "table.dense: expected columns that are not labels, found 'click' (it is a label under",
        ),
        ({"dense": ["age", "age"]}, "table.dense: expected each column only once, found 'age'"),
        ({"labels": ["like", "like"]}, "table.labels: expected each column only once"),
        *(
            ({"sparse": [{"name": "c", "cross": cross}]}, f"c: cross: expected a list of at{rest}")
            for cross, rest in (
                ("city", " least two different columns, found 'city'"),
                (5, " least two different columns, found 5"),
                (True, " least two different columns, found True"),
                ({"city": "user"}, " least two different columns, found {'city': 'user'}"),
                ([], " least two different columns, found []"),
                ([["city"], "user"], " least two different columns, found [['city'], 'user']"),
                (["city"], " least two different columns, found ['city']"),
                (["city", "city"], " least two"),
                (["city", 7], " least two"),
            )
        ),
        ({"sparse": [{"name": "c", "cross": ["city", "click"]}]}, "columns that are not labels"),
        (
            {"sparse": [{"name": "c", "cross": ["city", "user"], "separator": "|"}]},
            "c: separator: expected no value, because cross is set, found '|'",
        ),
        (
            {"sparse": ["city", {"name": "c", "cross": ["city", "user"], "share": "city"}]},
            "c: share: expected no value, because cross is set, found 'city'",
        ),
        ({"sparse": ["city", "city"]}, "table.sparse: expected each column only once"),
        ({"sparse": ["city", "click"]}, "table.sparse: expected columns that are not labels"),
        (
            {"sparse": [{"name": "tags", "separator": "|", "keep": "newest"}]},
            "tags: keep: expected first or last, found 'newest'",
        ),
        (
            {"sparse": [{"name": "city", "keep": "last"}]},
            "city: keep: expected no value, because without a separator a cell is one value",
        ),
        ({"encoding": "gkb"}, "table.encoding: expected a character encoding such as utf-8, gbk"),
        ({"encoding": "base64"}, "table.encoding: expected a character encoding"),
        ({"encoding": 936}, "table.encoding: expected a character encoding"),
        (
            {"dense": [{"name": "age", "fil": 0}]},
            "table.dense: age: expected keys among name, fill",
        ),
        (
            {"dense": [{"name": "age", "fill": "median"}]},
            "table.dense: age: fill: expected mean or",
        ),
        ({"dense": [{"fill": 1}]}, "table.dense: expected a column's name as text, or a mapping"),
        ({"sparse": [{"name": "city", "hash_buckets": 0}]}, "hash_buckets: expected an integer"),
        ({"sparse": [{"name": "city", "min_count": 1.5}]}, "min_count: expected an integer"),
        (
            {"sparse": [{"name": "city", "max_len": 3}]},
            "separator: expected a text, because max_len is 3, found None",
        ),
        (
            {"sparse": [{"name": "city", "pooling": "final"}]},
            "pooling: expected sum, mean, max, last, din, attention or gru, found 'final'",
        ),
        ({"sparse": [{"name": "city", "share": "town"}]}, "share: expected a sparse column"),
        (
            {"sparse": ["city", {"name": "user", "share": "city", "min_count": 2}]},
            "min_count: expected no value, because city has it, found 2",
        ),
        (
            {"sparse": [{"name": "city", "hash_buckets": 9, "min_count": 2}]},
            "min_count: expected no value, because hash_buckets is set, found 2",
        ),
        ({"delimiter": "::"}, "table.delimiter: expected one ASCII character, found '::'"),
        ({"delimiter": '"'}, "table.delimiter: expected one ASCII character"),
        (
            {"missing": [-1]},
            "table.missing: expected texts, found -1 (write it in quotation marks)",
        ),
        ({"column_names": ["click", "like"]}, "column_names: there is no column age among"),
        (
            {"column_names": [*HEADER, "more"]},
            "a.csv:1: expected 9 columns, as in hyper_parameters.",
        ),
    ],
)
def test_a_configuration_that_makes_no_sense(tmp_path, table, problem):
    assert problem in refused(tmp_path, write_text(tmp_path / "a.csv"), table=table)


@pytest.mark.parametrize("key", ["sparse_fields", "dense_input_dim", "feature_size"])
def test_what_follows_from_the_table_is_not_given_besides(tmp_path, key):
    message = refused(tmp_path, write_text(tmp_path / "a.csv"), **{key: 1})
    problem = "it follows from hyper_parameters.table, remove it from the YAML"
    assert message == f"hyper_parameters.{key}: {problem}"


def test_tasks_of_columns_that_are_no_labels(tmp_path):
    tasks = [{"name": "click", "label_column": 2}]
    expected = (
        r"tasks: click: label_column: expected an integer from 0 to 1 \(click, like\), found 2"
    )
    with pytest.raises(ValueError, match=expected):
        trained(tmp_path, write_text(tmp_path / "a.csv"), tasks=tasks)


def test_a_vocabulary_that_is_gone(tmp_path):
    path = write_text(tmp_path / "a.csv")
    config = completed(configuration(tmp_path), [path])
    vocabulary = Path(config["hyper_parameters.table.vocabulary"])
    vocabulary.unlink()
    with pytest.raises(ValueError, match=f"{vocabulary.name} is in none of"):
        RecDataset([path], config)
    with pytest.raises(ValueError, match=f"{vocabulary.name} is in none of"):
        completed(configuration(tmp_path), None, config["hyper_parameters.encoding"])


def test_a_foreign_vocabulary_under_the_right_name(tmp_path):
    """Copied over it by hand, or edited: neither is taken for the one that was learned."""
    path = write_text(tmp_path / "a.csv")
    config = completed(configuration(tmp_path), [path])
    mine = Path(config["hyper_parameters.table.vocabulary"])
    other = completed(configuration(tmp_path), [write_text(tmp_path / "b.csv", ROWS[:3])])
    content = Path(other["hyper_parameters.table.vocabulary"]).read_text()
    own = mine.read_text()
    mine.write_text(content)
    with pytest.raises(ValueError, match="expected the vocabulary"):
        RecDataset([path], config)
    with pytest.raises(ValueError, match="expected the vocabulary"):
        completed(configuration(tmp_path), None, config["hyper_parameters.encoding"])
    mine.write_text(own.replace("Rome", "Roma"))
    with pytest.raises(ValueError, match="is damaged: its content does not have the hash"):
        RecDataset([path], config)
    mine.write_text(own[:40])
    with pytest.raises(ValueError, match="is damaged"):
        RecDataset([path], config)


@pytest.mark.parametrize(
    ("table", "difference"),
    [
        ({"labels": ["like", "click"]}, r"table.labels: expected click as in .*, found like"),
        ({"missing": ["-"]}, r"table.missing: expected .* as in .*-"),
        (
            {"sparse": TABLE["sparse"][:2]},
            r"expected \['city', 'user', 'tags'\] as in .*, found \['city', 'user'\]",
        ),
        (
            {"sparse": [*TABLE["sparse"][:2], {**TABLE["sparse"][2], "separator": ","}]},
            r"'separator': '\|'.*'separator': ','",
        ),
    ],
)
def test_other_columns_than_the_checkpoints(tmp_path, table, difference):
    path = write_text(tmp_path / "a.csv")
    trained_with = completed(configuration(tmp_path), [path])["hyper_parameters.encoding"]
    with pytest.raises(ValueError, match=difference):
        completed(configuration(tmp_path, table=table), None, trained_with)


def test_a_reader_without_an_encoding(tmp_path):
    with pytest.raises(ValueError, match=r"hyper_parameters\.encoding is not set"):
        RecDataset([write_text(tmp_path / "a.csv")], configuration(tmp_path))


def test_a_vocabulary_that_cannot_be_written(tmp_path):
    """On a full disk, as far as this process is concerned."""
    rows = [[*ROWS[0][:3], f"city {number}", *ROWS[0][4:]] for number in range(2_000)]
    path = write_text(tmp_path / "a.csv", rows)
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_000, limit[1]))
    try:
        with pytest.raises(ValueError, match=r"cannot write .*vocabulary-.*: File too large"):
            completed(configuration(tmp_path), [path])
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert list((tmp_path / "output").iterdir()) == []


def test_a_copy_that_cannot_be_written_leaves_nothing(tmp_path):
    path = write_text(tmp_path / "a.csv", ROWS * 500)
    config = completed(configuration(tmp_path), [path])
    limit = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limit[1]))
    try:
        with pytest.raises(ValueError, match=r"a\.csv: cannot write .*: File too large"):
            RecDataset([path], config)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limit)
    assert list(tmp_path.glob(".*")) == []


def test_without_pyarrow_it_says_what_to_install(tmp_path):
    code = (
        "import sys; sys.modules['pyarrow'] = None\n"
        "from datasets.readers.table.reader import RecDataset"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=loading.REPOSITORY, capture_output=True, text=True
    )
    assert "pip install -r requirements-table.txt" in done.stderr


def test_vocabularies_are_json_that_others_can_read(tmp_path):
    rows = changed(0, "city", "東京")
    config = completed(configuration(tmp_path), [write_text(tmp_path / "a.csv", rows)])
    text = Path(config["hyper_parameters.table.vocabulary"]).read_text(encoding="utf-8")
    assert "東京" in text
    assert json.loads(text)["learned_from"][0][0] == str(tmp_path / "a.csv")


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("table", 3),
        ("table", {"dense": [{}]}),
        ("fills", 3),
        ("vocabularies", []),
        ("vocabularies", {"city": "Rome"}),
        ("vocabularies", {"city": ["\ud800"]}),
        ("learned_from", None),
    ],
)
def test_a_vocabulary_file_of_another_form(tmp_path, key, value):
    path = write_text(tmp_path / "a.csv")
    config = completed(configuration(tmp_path), [path])
    mine = Path(config["hyper_parameters.table.vocabulary"])
    mine.write_text(json.dumps({**json.loads(mine.read_text()), key: value}))
    with pytest.raises(ValueError, match=re.escape(mine.name)):
        RecDataset([path], config)
    mine.write_text("[" * 3000)
    with pytest.raises(ValueError, match=f"{mine.name} is damaged: RecursionError"):
        RecDataset([path], config)


def test_a_number_with_an_underscore_is_no_label(tmp_path):
    path = write_text(tmp_path / "a.csv", changed(1, "click", "0_1"))
    expected = "a.csv:3: column click: expected a label 0 or 1, found '0_1' ("
    assert refused(tmp_path, path).startswith(expected)


def test_a_place_where_quotation_marks_are_read_otherwise(tmp_path):
    path = tmp_path / "a.csv"
    path.write_text('click,like,age,price,city,user,tags\n2,0,1,1,a,7,"\n')
    assert refused(tmp_path, str(path)).startswith("a.csv: row 1: column click: expected a label")


@pytest.mark.parametrize("share", [["city"], {"a": 1}, 3])
def test_sharing_with_what_is_no_name(tmp_path, share):
    sparse = ["city", {"name": "user", "share": share}]
    path = write_text(tmp_path / "a.csv")
    assert "user: share: expected a sparse column" in refused(
        tmp_path, path, table={"sparse": sparse}
    )
