"""Text becomes the right numbers; a malformed line is an error that names it."""

import gzip
import os

import numpy as np
import pytest

from datasets.census.reader import RecDataset
from datasets.readers import text_matrix
from datasets.readers.text_matrix import TextMatrix, WidthError, load

ROWS = "1,2,3\n4,5,6\n"
VALUES = [[1, 2, 3], [4, 5, 6]]
LINES_AT_ONCE = 100


@pytest.fixture
def write(tmp_path):
    def make(text, name="rows.txt"):
        path = tmp_path / "data" / name
        path.parent.mkdir(exist_ok=True)
        content = text if isinstance(text, bytes) else text.encode()
        path.write_bytes(gzip.compress(content) if name.endswith(".gz") else content)
        return str(path)

    return make


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    """The folder of the parsed copies; the files are parsed in blocks of a hundred short lines."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setattr(text_matrix, "_TEXT_AT_ONCE", 6 * LINES_AT_ONCE)
    return tmp_path / "cache" / "paddlemtl"


def refusal(path, columns=3):
    with pytest.raises(ValueError) as caught:  # noqa: PT011  (the message is checked by the caller)
        load(path, columns)
    return str(caught.value)


# What is read


@pytest.mark.parametrize(
    "text",
    [
        ROWS,
        "1,2,3\n4,5,6",
        "1,2,3\r\n4,5,6\r\n",
        "1,2,3\r\n4,5,6",
        "\n1,2,3\n\n  \n4,5,6\n\n",
        "\r\n1,2,3\r\n\r\n4,5,6\r\n",
        b"\xef\xbb\xbf" + ROWS.encode(),
        " 1, 2,3 \n4 ,5,\t6\n",
        "1.0,2e0,+3\n4.,5,.6e1\n",
    ],
    ids=[
        "plain",
        "no end",
        "CRLF",
        "CRLF, no end",
        "blank",
        "blank CRLF",
        "BOM",
        "spaces",
        "forms",
    ],
)
@pytest.mark.parametrize("name", ["rows.txt", "rows.gz"])
def test_forms_of_text(write, text, name):
    path = write(text, name)
    for _ in range(2):  # parsed, then from the copy
        rows = load(path, 3)
        assert rows.dtype == np.float32
        assert rows.tolist() == VALUES


def test_values_are_those_of_numpy_over_many_blocks(write):
    lines = 2 * LINES_AT_ONCE + 17
    table = np.random.default_rng(0).standard_normal((lines, 5)) * 10.0 ** np.arange(-20, 30, 10)
    path = write("\n".join(",".join(f"{value!r}" for value in row) for row in table.tolist()))
    expected = np.loadtxt(path, np.float32, delimiter=",")
    np.testing.assert_array_equal(load(path, 5), expected)
    np.testing.assert_array_equal(load(path, 5), expected)
    np.testing.assert_array_equal(TextMatrix([path], 5).take(slice(None), slice(None)), expected)


def test_one_column_and_one_row(write):
    assert load(write("7\n"), 1).tolist() == [[7]]
    assert load(write("7\n8\n"), 1).tolist() == [[7], [8]]
    assert load(write("7,8\n"), 2).tolist() == [[7, 8]]


# Lines that are wrong


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("1,2", "expected 3 numbers, found 2"),
        ("1,2,3,4", "expected 3 numbers, found 4"),
        ("1,2,3,", "expected 3 numbers, found 4"),
        ("1 2 3", "expected 3 numbers, found 1"),
        ("1,two,3", "column 2: expected a number, found 'two'"),
        ("1,,3", "column 2: expected a number, found ''"),
        ("1,2,nan", "column 3: expected a number, found 'nan'"),
        ("-inf,2,3", "column 1: expected a number, found '-inf'"),
        ("1,1e39,3", "column 2: expected a number, found '1e39'"),
        ("1,1_0,3", "column 2: expected a number, found '1_0'"),
        ("1,2,#3", "column 3: expected a number, found '#3'"),
        ("1,'2',3", "column 2: expected a number, found \"'2'\""),
        (f"1,2,{'x' * 999}", f"column 3: expected a number, found '{'x' * 40}'"),
    ],
)
@pytest.mark.parametrize("name", ["rows.txt", "rows.gz"])
def test_a_malformed_line_is_an_error_with_file_and_line(write, cache, line, problem, name):
    path = write(f"1,2,3\n\n4,5,6\n{line}\n7,8,9\n", name)
    assert refusal(path) == f"{path}:4: {problem}"
    assert os.listdir(cache) == []


def test_a_malformed_line_far_down(write):
    before = LINES_AT_ONCE + 5
    path = write("1,2,3\n" * before + "\n1,2\n")
    assert refusal(path) == f"{path}:{before + 2}: expected 3 numbers, found 2"


def test_the_first_of_two_faults_is_named(write):
    path = write("1,2,3\n1,x,3\n1,2\n")
    assert refusal(path) == f"{path}:2: column 2: expected a number, found 'x'"


def test_all_lines_of_another_width(write):
    path = write("1,2\n3,4\n")
    assert refusal(path) == f"{path}:1: expected 3 numbers, found 2"
    with pytest.raises(WidthError):
        load(path, 3)


@pytest.mark.parametrize("text", ["", "\n\n", " \r\n", b"\xef\xbb\xbf"])
def test_a_file_without_rows(write, cache, text):
    path = write(text)
    assert refusal(path) == f"{path}: the file holds no rows"
    assert os.listdir(cache) == []


def test_what_is_no_text_names_file_and_line(write):
    path = write(b"1,2,3\n\xff\xfe\x00,2,3\n")
    assert refusal(path).startswith(f"{path}:2: column 1: expected a number, found ")


@pytest.mark.parametrize("content", [gzip.compress(ROWS.encode(), mtime=0)[:-9], b"no gzip at all"])
def test_a_damaged_gz_names_its_file(tmp_path, content):
    path = tmp_path / "rows.gz"
    path.write_bytes(content)
    assert refusal(str(path)).startswith(f"{path}: ")


def test_a_mended_file_is_read(write):
    path = write("1,2,x\n")
    refusal(path)
    write("1,2,3\n")
    assert load(path, 3).tolist() == [[1, 2, 3]]


# Several files


@pytest.fixture
def several(write):
    paths = [
        write("0,10\n1,11\n2,12\n", "a.txt"),
        write("\n3,13\n", "b.txt"),
        write("4,14\r\n\r\n5,15\r\n6,16", "c.gz"),
    ]
    return paths, TextMatrix(paths, 2)


def test_several_files_are_one_table(several):
    _, matrix = several
    assert len(matrix) == 7
    everything = matrix.take(slice(0, 7), slice(None))
    assert everything.dtype == np.float32
    assert everything.tolist() == [[row, 10 + row] for row in range(7)]
    for start in range(8):
        for stop in range(start, 8):
            taken = matrix.take(slice(start, stop), slice(1, None))
            assert taken.tolist() == [[10 + row] for row in range(start, stop)]


def test_rows_of_several_files_in_any_order(several):
    _, matrix = several
    for seed in range(5):
        rows = np.random.default_rng(seed).permutation(7)
        assert matrix.take(rows, slice(0, 1))[:, 0].tolist() == rows.tolist()
    assert matrix.take(np.array([6, 0, 6]), slice(0, 1)).tolist() == [[6], [0], [6]]


def test_rows_of_one_file_in_any_order(write):
    matrix = TextMatrix([write("0,10\n1,11\n2,12\n")], 2)
    assert matrix.take(np.array([2, 0]), slice(1, 2)).tolist() == [[12], [10]]
    assert matrix.take(slice(1, 3), slice(0, 1)).tolist() == [[1], [2]]


def test_the_place_of_a_row_is_its_file_and_line(several):
    (first, second, third), matrix = several
    places = [matrix.place(row) for row in range(7)]
    assert places == [
        *(f"{first}:{line}" for line in (1, 2, 3)),
        f"{second}:2",
        *(f"{third}:{line}" for line in (1, 3, 4)),
    ]


# The census form's reader


def census(paths, **values):
    return RecDataset(paths, {f"hyper_parameters.{key}": value for key, value in values.items()})


def test_rows_and_blocks_are_features_then_a_label_a_task(write):
    dataset = census([write("1,0,.5,.25\n0,1,.75,2\n")], feature_size=2)
    features, income, marital = dataset.take(slice(0, 2))
    assert features.tolist() == [[0.5, 0.25], [0.75, 2]]
    assert (income.tolist(), marital.tolist()) == ([[0], [1]], [[1], [0]])
    assert (features.dtype, income.dtype, marital.dtype) == (np.float32, np.int64, np.int64)
    rows = list(dataset)
    assert len(rows) == len(dataset) == 2
    for number, row in enumerate(rows):
        assert [field.shape for field in row] == [(2,), (1,), (1,)]
        for field, column in zip(row, (features, income, marital)):
            np.testing.assert_array_equal(field, column[number])


def test_tasks_choose_their_label_columns(write):
    tasks = [{"name": "completion", "label_column": 0}]
    features, label = census([write("1,0,5\n")], feature_size=1, tasks=tasks).take(slice(0, 1))
    assert (features.tolist(), label.tolist()) == ([[5]], [[1]])


@pytest.mark.parametrize(
    ("line", "column", "found"),
    [("2,0,5", 1, "2"), ("0,-1,5", 2, "-1"), ("0.5,0,5", 1, "0.5")],
)
def test_a_label_other_than_0_or_1_names_file_and_line(write, line, column, found):
    good = write("0,1,5\n1,0,5\n", "a.txt")
    path = write(f"0,1,5\n\n{line}\n1,0,5\n", "b.txt")
    dataset = census([good, path], feature_size=1)
    expected = f"{path}:3: column {column}: expected a label 0 or 1, found {found} (task "
    for rows in (slice(0, 5), slice(3, 4), np.array([4, 3, 0])):
        with pytest.raises(ValueError, match="expected a label") as caught:
            dataset.take(rows)
        assert str(caught.value).startswith(expected)


def test_another_width_names_the_hyper_parameter(write):
    path = write("0,1,5\n")
    with pytest.raises(ValueError, match="feature_size") as caught:
        census([path], feature_size=7)
    assert str(caught.value) == (
        f"{path}:1: expected 9 numbers, found 3 (2 labels and hyper_parameters.feature_size = 7)"
    )


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"feature_size": "9"}, r"hyper_parameters\.feature_size: .* found '9'"),
        ({"feature_size": 0}, r"hyper_parameters\.feature_size: .* found 0"),
        ({"feature_size": None}, r"hyper_parameters\.feature_size: .* found None"),
        ({"tasks": 3}, r"hyper_parameters\.tasks: expected a list of tasks.* found 3"),
        ({"tasks": [{"name": "a"}]}, r"hyper_parameters\.tasks: .* found \[{'name': 'a'}\]"),
        ({"tasks": ["income"]}, r"hyper_parameters\.tasks: .* found \['income'\]"),
        ({"tasks": [{"label_column": 2}]}, r"label_column: expected .* 0 to 1 \(.*\), found 2"),
        ({"tasks": [{"label_column": "1"}]}, r"label_column: expected an .*, found '1'"),
    ],
)
def test_bad_hyper_parameters_are_named(write, values, problem):
    with pytest.raises(ValueError, match=problem):
        census([write("0,1,5\n")], **{"feature_size": 1, **values})
