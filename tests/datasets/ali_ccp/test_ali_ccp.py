"""Ali-CCP's lines are read right whatever they hold, fast or one by one, once."""

from __future__ import annotations

import gzip
import os
import random

import numpy as np
import pytest

from datasets.ali_ccp import lines, reader
from datasets.ali_ccp.block import BlockParser
from datasets.ali_ccp.columns import FIELDS, Kept
from datasets.ali_ccp.reader import RecDataset

SPARSE = [
    {"name": "205", "size": 100, "share": "101"},
    {"name": "109_14", "size": 100, "max_len": 3, "pooling": "max"},
    {"name": "101", "size": 100},
]
KEPT = [Kept("205", 1), Kept("109_14", 3), Kept("101", 1)]
TASKS = [
    {"name": "ctr", "label_column": 0},
    {"name": "cvr", "label_column": 1, "weight": 0.0, "rows": "ctr"},
    {"name": "ctcvr", "label_column": 1},
]
TEXT = (
    "11,1,1,101:7,109_14:4,109_14:5,205:9\n"
    "12,0,1,205:8,109_14:1,101:6,109_14:2,121:99,109_14:3,109_14:4\n"
    "13,1,0,206:5,300:70\n"
)
IDS = [[9, 4, 5, 0, 7], [8, 1, 2, 3, 6], [0, 0, 0, 0, 0]]


@pytest.fixture
def write(tmp_path):
    def make(text, name="lines.csv"):
        content = text if isinstance(text, bytes) else text.encode()
        path = tmp_path / name
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return str(path)

    return make


def dataset(*paths, **values):
    values = {"sparse_fields": SPARSE, "tasks": TASKS, **values}
    return RecDataset(paths, {f"hyper_parameters.{key}": value for key, value in values.items()})


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The folder of the parsed copies; blocks of lines are short."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    monkeypatch.setattr(lines, "_TEXT_AT_ONCE", 3000)
    return tmp_path / "paddlemtl"


def test_blocks_are_ids_and_a_label_a_task(write):
    ids, click, conversion, both = dataset(write(TEXT)).take(slice(0, 3))
    assert ids.tolist() == IDS
    assert click.tolist() == [[1], [0], [1]]
    assert conversion.tolist() == both.tolist() == [[1], [0], [0]]  # no purchase without a click
    assert [array.dtype for array in (ids, click, both)] == ["i8", "i8", "i8"]


def test_rows_and_blocks_agree_over_several_files(write):
    data = dataset(write(TEXT, "a.csv"), write(TEXT, "b.gz"))
    block = data.take(np.array([5, 0, 1, 4, 3, 2]))
    rows = list(data)
    assert len(rows) == len(data) == 6
    for place, row in zip((1, 2, 5, 4, 3, 0), rows):
        assert [field.shape for field in row] == [(5,), (1,), (1,), (1,)]
        for field, column in zip(row, block):
            np.testing.assert_array_equal(field, column[place])


def test_without_tasks_or_fields_it_says_so(write):
    with pytest.raises(ValueError, match=r"hyper_parameters\.tasks: expected a list of tasks"):
        dataset(write(TEXT), tasks=None)
    with pytest.raises(ValueError, match=r"hyper_parameters\.sparse_fields: expected a field"):
        dataset(write(TEXT), sparse_fields=None)


@pytest.mark.parametrize(
    "text",
    [
        TEXT.encode()[:-1],
        TEXT.replace("\n", "\r\n").encode(),
        TEXT.replace("\n", "\r").encode(),
        b"\xef\xbb\xbf" + TEXT.encode(),
        f"\n{TEXT}\n \n\n".encode(),
        TEXT.replace(",", " ,\t").replace(":", " : ").encode(),
        TEXT.replace("101:7", "101:000000007").encode(),
        TEXT.replace("300:70", "a_new_field:70").encode(),
        TEXT.replace("13,", "any text,").encode(),
        TEXT.replace("13,", ",").encode(),
    ],
    ids=["no end", "CRLF", "CR", "BOM", "blank", "spaces", "zeros", "long name", "id", "no id"],
)
def test_forms_of_text(write, text):
    assert dataset(write(text)).take(slice(None))[0].tolist() == IDS


def test_a_line_without_features(write):
    columns = dataset(write("1,1,1\n")).take(slice(None))
    assert [column.tolist() for column in columns] == [[[0] * 5], [[1]], [[1]], [[1]]]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("1,0", "expected id,click,buy,field:feature,..., found '1,0'"),
        ("id click buy", "expected id,click,buy,field:feature,..., found 'id click buy'"),
        ("1,2,0,101:5", "column 2: expected a label click of 0 or 1, found '2'"),
        ("1,0,,101:5", "column 3: expected a label buy of 0 or 1, found ''"),
        ("1,0,yes,101:5", "column 3: expected a label buy of 0 or 1, found 'yes'"),
        ("1,0,0,101:5,", "column 5: expected field:feature, found ''"),
        ("1,0,0,101", "column 4: expected field:feature, found '101'"),
        ("1,0,0,:5", "column 4: expected field:feature, found ':5'"),
        ("1,0,0,101:5:6", "column 4: expected field:feature, found '101:5:6'"),
        ("1:1,0,0,101:5,101", "column 5: expected field:feature, found '101'"),
        ("1,0,0,101:", "field 101: expected an id from 0 to 2147483647, found ''"),
        ("1,0,0,101:-5", "field 101: expected an id from 0 to 2147483647, found '-5'"),
        ("1,0,0,101:5.0", "field 101: expected an id from 0 to 2147483647, found '5.0'"),
        ("1,0,0,101:5,121:abc", "column 5, field 121: expected an id from 0 to 2147483647, found"),
        ("1,0,0,101:2147483648", "field 101: expected an id from 0 to 2147483647, found '2147"),
        (b"1,0,0,101:\xff\xfe", "column 4, field 101: expected an id from 0 to 2147483647, found"),
        (b"\x00\x01\x02", "expected id,click,buy,field:feature,..., found '\\x00\\x01\\x02'"),
    ],
)
@pytest.mark.parametrize("before", [1, 300])
def test_a_malformed_line_names_file_line_and_field(write, cache, line, problem, before):
    line = line if isinstance(line, bytes) else line.encode()
    path = write(b"1,0,0,101:5\n" * before + b"\n" + line + b"\n1,0,0,101:6\n")
    with pytest.raises(ValueError, match="expected ") as caught:
        dataset(path)
    assert str(caught.value).startswith(f"{path}:{before + 2}: ")
    assert problem in str(caught.value)
    assert os.listdir(cache) == []


@pytest.mark.parametrize("text", ["", "\n \n"])
def test_a_file_without_rows(write, text):
    with pytest.raises(ValueError, match="the file holds no rows"):
        dataset(write(text))


def test_a_damaged_gz_names_its_file(tmp_path):
    (tmp_path / "a.gz").write_bytes(gzip.compress(TEXT.encode())[:-9])
    with pytest.raises(ValueError, match=r"a\.gz: "):
        dataset(str(tmp_path / "a.gz"))


def test_an_id_out_of_range_names_file_line_and_field(write):
    good = write(TEXT, "a.csv")
    path = write("1,0,0,101:1\n\n1,0,0,109_14:3,109_14:100\n", "b.csv")
    data = dataset(good, path)
    for rows in (slice(0, 5), slice(4, 5), np.array([0, 4])):
        with pytest.raises(ValueError, match="expected an id") as caught:
            data.take(rows)
        assert str(caught.value) == (
            f"{path}:3: field 109_14: expected an id from 0 to 99, found 100"
        )
    assert len(data.take(slice(0, 4))[0]) == 4  # rows are checked when they are taken


def test_hashed_ids(write):
    path = write("1,0,0,101:99,109_14:100,109_14:198,109_14:2147483647\n")
    ids = dataset(path, hash_ids=True).take(slice(None))[0]
    assert ids.tolist() == [[0, 1, 99, 1 + 2147483646 % 99, 99]]


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"sparse_fields": [{"name": 10914, "size": 9}]}, "quotation marks, found 10914"),
        ({"sparse_fields": [{"name": "102", "size": 9}]}, "fields of Ali-CCP, 101, .*found '102'"),
        ({"sparse_fields": [SPARSE[0], SPARSE[0]]}, "expected each field only once, found '205'"),
        ({"dense_input_dim": 3}, "dense_input_dim: expected 0, .* found 3"),
    ],
)
def test_bad_hyper_parameters_are_named(write, values, problem):
    with pytest.raises(ValueError, match=problem):
        dataset(write(TEXT), **values)


# Parsed once


@pytest.fixture
def parses(monkeypatch):
    """The files that were parsed, in order."""
    found = []
    blocks = reader.table_blocks

    def counted(path, fields):
        found.append(os.path.basename(path))
        return blocks(path, fields)

    monkeypatch.setattr(reader, "table_blocks", counted)
    return found


def test_a_file_is_parsed_once_for_its_fields(write, parses):
    path = write(TEXT)
    for _ in range(2):
        assert dataset(path).take(slice(None))[0].tolist() == IDS
    assert parses == ["lines.csv"]
    larger = [{**field, "size": 200, "pooling": "sum"} for field in SPARSE]
    dataset(path, sparse_fields=larger, hash_ids=True)  # the same columns of the same file
    assert parses == ["lines.csv"]


@pytest.mark.parametrize(
    "fields",
    [
        [SPARSE[2], SPARSE[1], SPARSE[0]],
        [{**SPARSE[0], "max_len": 3}, {**SPARSE[1], "max_len": 1}, SPARSE[2]],
        [{**SPARSE[0], "name": "206"}, *SPARSE[1:]],
    ],
    ids=["order", "max_len", "name"],
)
def test_other_fields_of_the_same_width_have_their_own_copy(write, parses, cache, fields):
    path = write(TEXT)
    for _ in range(2):
        assert dataset(path).take(slice(None))[0].tolist() == IDS
        assert dataset(path, sparse_fields=fields).take(slice(None))[0].tolist() != IDS
    assert len(parses) == len(os.listdir(cache)) == 2


def test_the_copies_of_a_changed_file_are_removed(write, parses, cache):
    path = write(TEXT)
    dataset(path)
    dataset(path, sparse_fields=SPARSE[1:])
    write(TEXT + "14,0,0\n")
    assert len(dataset(path)) == 4
    assert len(parses) == 3
    assert len(os.listdir(cache)) == 1


# Fast and one by one


def random_table(draw: random.Random, rows: int):
    """Rows of labels and of features by field, and their lines in a random order of cells."""
    table, text = [], []
    for _ in range(rows):
        click, buy = draw.randrange(2), draw.randrange(2)
        row = {name: [] for name in (*FIELDS, "999", "1")}
        for name in row:
            for _ in range(draw.choice((0, 0, 1, 1, 2, 7))):
                row[name].append(draw.randrange(10 ** draw.randrange(1, 8)))
        cells = [(name, feature) for name, features in row.items() for feature in features]
        if draw.random() < 0.5:
            draw.shuffle(cells)
            row = {name: [feature for key, feature in cells if key == name] for name in row}
        table.append((click, buy, row))
        cells = [f"{name}:{feature}" for name, feature in cells]
        text.append(",".join([str(draw.randrange(10**9)), str(click), str(buy), *cells]) + "\n")
    return table, text


@pytest.mark.parametrize("seed", range(25))
def test_a_table_written_as_lines_reads_back_the_same(write, seed):
    draw = random.Random(seed)
    table, text = random_table(draw, draw.choice((1, 2, 30, 259)))
    names = draw.sample(FIELDS, draw.randrange(1, len(FIELDS) + 1))
    fields = [{"name": name, "size": 10**7, "max_len": draw.randrange(1, 5)} for name in names]
    ids, click, _, both = dataset(write("".join(text)), sparse_fields=fields).take(slice(None))
    expected = [
        [
            feature
            for field in fields
            for feature in (row[field["name"]] + [0] * 4)[: field["max_len"]]
        ]
        for _, _, row in table
    ]
    assert ids.tolist() == expected
    assert click[:, 0].tolist() == [click for click, _, _ in table]
    assert both[:, 0].tolist() == [click and buy for click, buy, _ in table]


@pytest.mark.parametrize("seed", range(40))
def test_both_parsers_agree_on_spoilt_lines(seed):
    """What the fast one takes, the other takes alike; it leaves the rest, and all errors, to it."""
    draw = random.Random(seed)
    _, text = random_table(draw, 3)
    good = bytearray("".join(text), "ascii")
    parser, taken = BlockParser(KEPT), 0
    assert parser.parse(bytes(good)) is not None
    for _ in range(60):
        block = good.copy()
        for _ in range(draw.choice((1, 1, 2))):
            place = draw.randrange(len(block))
            block[place : place + draw.randrange(2)] = draw.choice(
                (b"", b",", b":", b"\n", b"0", b"1", b"_", b" ", b"x", b"\xff", b"/", b";", b"\0")
            )
        block = bytes(block) + (b"" if block.endswith(b"\n") else b"\n")
        fast = parser.parse(block)
        if fast is not None:
            taken += 1
            np.testing.assert_array_equal(fast, lines._parse("file", 1, block, KEPT))
    assert taken
