from __future__ import annotations

import numpy as np
import pytest

from datasets.readers.field_matrix import FieldDataset

FIELDS = [{"name": "user", "size": 5}, {"name": "tag", "size": 4, "max_len": 3, "pooling": "max"}]
TASKS = [{"name": "buy", "label_column": 1}, {"name": "click", "label_column": 0, "weight": 2.0}]
# Labels click, buy, spare; dense age, price; ids user, tag, tag, tag.
TEXT = "1,0,0,31,2.5,4,1,2,0\n0,1,0,32,0.25,0,3,0,0\n\n1,1,1,33,-1e3,2,0,0,0\n"


class Dataset(FieldDataset):
    LABELS = ("click", "buy", "spare")


@pytest.fixture
def write(tmp_path):
    def write_text(text: str, name: str = "data.csv") -> str:
        (tmp_path / name).write_text(text)
        return str(tmp_path / name)

    return write_text


def dataset(*paths, kind=Dataset, **values):
    values = {"tasks": TASKS, "dense_input_dim": 2, "sparse_fields": FIELDS, **values}
    return kind(paths, {f"hyper_parameters.{key}": value for key, value in values.items()})


def test_blocks_are_dense_numbers_ids_and_a_label_a_task(write):
    dense, ids, buy, click = dataset(write(TEXT)).take(slice(0, 3))
    assert dense.tolist() == [[31, 2.5], [32, 0.25], [33, -1000]]
    assert ids.tolist() == [[4, 1, 2, 0], [0, 3, 0, 0], [2, 0, 0, 0]]
    assert (buy.tolist(), click.tolist()) == ([[0], [1], [1]], [[1], [0], [1]])
    assert [array.dtype for array in (dense, ids, buy, click)] == ["f4", "i8", "i8", "i8"]


def test_rows_and_blocks_agree(write):
    data = dataset(write(TEXT, "a.csv"), write(TEXT, "b.csv"))
    block = data.take(np.array([5, 0, 1, 4, 3, 2]))
    rows = list(data)
    assert len(rows) == len(data) == 6
    for place, row in zip((1, 2, 5, 4, 3, 0), rows):
        assert [field.shape for field in row] == [(2,), (4,), (1,), (1,)]
        for field, column in zip(row, block):
            np.testing.assert_array_equal(field, column[place])


@pytest.mark.parametrize("none", [{"dense_input_dim": 0}, {"dense_input_dim": None}])
def test_no_dense_columns(write, none):
    ids, buy, click = dataset(write("1,0,0,4,3,2,1\n"), **none).take(slice(0, 1))
    assert ids.tolist() == [[4, 3, 2, 1]]
    assert (buy.tolist(), click.tolist()) == ([[0]], [[1]])


WEIGHTED = [
    {"name": "tag", "size": 4, "max_len": 2, "pooling": "sum", "weighted": True},
    {"name": "user", "size": 5},
    {"name": "seen", "size": 5, "max_len": 2, "weighted": True, "share": "user"},
]


def test_weights_follow_all_ids_of_a_line(write):
    text = "1,0,0,9,1,2,4,3,0,0.5,2,1.5,7\n0,1,0,8,0,3,0,4,4,1,0,0.25,1e2\n"
    data = dataset(write(text), dense_input_dim=1, sparse_fields=WEIGHTED)
    dense, ids, weights, buy, click = data.take(np.array([1, 0]))
    assert dense.tolist() == [[8], [9]]
    assert ids.tolist() == [[0, 3, 0, 4, 4], [1, 2, 4, 3, 0]]
    assert weights.tolist() == [[0, 0, 0.25, 100], [0.5, 2, 1.5, 0]]  # 0 at padding
    assert weights.dtype == np.float32
    assert (buy.tolist(), click.tolist()) == ([[1], [0]], [[0], [1]])


def test_a_weight_below_0_and_a_line_without_weights_are_named(write):
    path = write("1,0,0,9,1,2,4,3,0,0.5,2,1.5,7\n0,1,0,8,0,3,0,4,4,1,0,-1,1\n")
    data = dataset(path, dense_input_dim=1, sparse_fields=WEIGHTED)
    problem = "data.csv:2: column 12, field seen, weight: expected a number of at least 0, found -1"
    with pytest.raises(ValueError, match=problem):
        data.take(slice(0, 2))
    short = write("1,0,0,9,1,2,4,3,0\n", "short.csv")
    with pytest.raises(ValueError, match=r"5 columns of .*sparse_fields and 4 weights"):
        dataset(short, dense_input_dim=1, sparse_fields=WEIGHTED)


class Wide(Dataset):
    DENSE = 3


@pytest.mark.parametrize("count", range(4))
def test_leading_dense_columns_of_those_that_a_line_has(write, count):
    path = write("1,0,0,7,8,9,4,3,2,1\n")
    columns = dataset(path, kind=Wide, dense_input_dim=count).take(slice(0, 1))
    assert [column.tolist() for column in columns[-3:]] == [[[4, 3, 2, 1]], [[0]], [[1]]]
    assert [column.tolist() for column in columns[:-3]] == ([[[7, 8, 9][:count]]] if count else [])


def test_more_dense_columns_than_a_line_has(write):
    with pytest.raises(ValueError, match=r"dense_input_dim: .* from 0 to 3, found 4"):
        dataset(write(TEXT), kind=Wide, dense_input_dim=4)
    with pytest.raises(ValueError, match=r"\(3 labels and 3 dense numbers and 4 columns of hyper_"):
        dataset(write(TEXT), kind=Wide)


@pytest.mark.parametrize("none", [[], None])
def test_no_sparse_fields(write, none):
    columns = dataset(write("1,0,0,7,8\n"), sparse_fields=none).take(slice(0, 1))
    assert [column.tolist() for column in columns] == [[[7, 8]], [[0]], [[1]]]


@pytest.mark.parametrize(
    ("ids", "problem"),
    [
        ("5,0,0,0", "column 6, field user: expected an id from 0 to 4, found 5"),
        ("4,0,4,0", "column 8, field tag: expected an id from 0 to 3, found 4"),
        ("-1,0,0,0", "column 6, field user: expected an id from 0 to 4, found -1"),
        ("1,0,0,1.5", "column 9, field tag: expected an id from 0 to 3, found 1.5"),
        ("1e30,0,0,0", "column 6, field user: expected an id from 0 to 4, found 10000000"),
    ],
)
def test_an_id_out_of_range_names_file_line_and_field(write, ids, problem):
    good = write(TEXT, "a.csv")
    path = write(f"0,0,0,1,2,1,1,1,1\n\n0,1,0,1,2,{ids}\n0,0,0,1,2,0,0,0,0\n", "b.csv")
    data = dataset(good, path)
    for rows in (slice(0, 6), slice(4, 5), np.array([5, 4, 0])):
        with pytest.raises(ValueError, match="expected an id") as caught:
            data.take(rows)
        assert str(caught.value).startswith(f"{path}:3: {problem}")
    assert len(data.take(slice(0, 4))) == 4  # rows are checked when they are taken


def test_hashed_ids_stay_below_the_size_and_never_become_unknown(write):
    lines = "".join(f"0,0,0,1,2,{number},0,{number},0\n" for number in (*range(13), (1 << 24) - 1))
    ids = dataset(write(lines), hash_ids=True).take(slice(0, 14))[1]
    assert ids[:, 0].tolist() == [0, 1, 2, 3, 4, 1, 2, 3, 4, 1, 2, 3, 4, 3]
    assert ids[:, 2].tolist() == [0, 1, 2, 3, 1, 2, 3, 1, 2, 3, 1, 2, 3, 3]
    path = write("0,0,0,1,2,0,0,0,16777216\n", "b.csv")
    with pytest.raises(ValueError, match="field tag: expected an id from 0 to 16777215, found 167"):
        dataset(path, hash_ids=True).take(slice(0, 1))


def test_another_width_names_what_it_follows_from(write):
    with pytest.raises(ValueError, match="expected 9 numbers") as caught:
        dataset(write("0,1,0,5\n"))
    assert str(caught.value).endswith(
        "data.csv:1: expected 9 numbers, found 4 (3 labels and hyper_parameters.dense_input_dim "
        "= 2 and 4 columns of hyper_parameters.sparse_fields)"
    )


def test_a_label_other_than_0_or_1(write):
    path = write("0,3,1,0,0,0,0,0,0\n")
    with pytest.raises(ValueError, match="column 2: expected a label 0 or 1, found 3") as caught:
        dataset(path).take(slice(0, 1))
    assert str(caught.value).startswith(f"{path}:1: ")


class Typed(Dataset):
    LABELS = ("click", "buy", "seconds", "stars")
    NUMBERS = ("seconds",)


TYPED = [
    {"name": "buy", "label_column": 1, "missing_label": -1, "sample_weight": "seconds"},
    {"name": "watch", "label_column": 2, "type": "regression", "rows": "buy"},
    {"name": "stars", "label_column": 3, "type": "multiclass", "classes": ["bad", "fair", "good"]},
    {"name": "best", "label_column": 3, "positive": 2},
]


def test_labels_of_every_type_and_weights(write):
    """Empty cells are missing labels; column 0 is not used, so its 7 is no error."""
    path = write("1,1,2.5,2,7\n7,-1,0,,8\n,,16777216,0,9\n0, ,0.1,nan,6\n")
    data = dataset(path, kind=Typed, tasks=TYPED, dense_input_dim=1, sparse_fields=None)
    dense, buy, watch, stars, best, seconds = data.take(slice(0, 4))
    assert dense.tolist() == [[7], [8], [9], [6]]
    assert buy.tolist() == [[1], [-100], [-100], [-100]]
    assert watch.tolist() == seconds.tolist() == [[2.5], [0], [16777216], [np.float32(0.1)]]
    assert stars.tolist() == [[2], [-100], [0], [-100]]
    assert best.tolist() == [[1], [-100], [0], [-100]]
    kinds = [array.dtype for array in (buy, watch, stars, best, seconds)]
    assert kinds == ["i8", "f4", "i8", "i8", "f4"]
    of_buy, of_watch, of_stars, _ = data.column_statistics()["tasks"]
    assert (of_buy["rows"], of_buy["missing"], of_buy["weights"]) == (1, 3, 2.5)
    assert (of_watch["rows"], of_watch["missing"], of_watch["mean"]) == (1, 0, 2.5)
    assert of_stars["classes"] == {"bad": 1, "fair": 0, "good": 1}


@pytest.mark.parametrize(
    ("line", "task", "problem"),
    [
        ("0,0,0,3,1", TYPED[2], r":2: column 4: expected a class, bad, fair, good, found 3 \("),
        ("0,0,0,2.5,1", TYPED[2], ":2: column 4: expected a class, bad, fair, good, found 2.5"),
        ("0,0,,0,1", TYPED[0], ":2: column 3: expected a weight of at least 0, found nothing"),
        ("0,0,-2,0,1", TYPED[0], ":2: column 3: expected a weight of at least 0, found -2"),
        ("0,0,-2,0,1", {**TYPED[1], "type": "count"}, ":2: column 3: expected a count of at lea"),
        ("0,0,0,0,", TYPED[0], ":2: column 5: expected a number, found ''"),
        ("0,0,inf,0,1", TYPED[1], ":2: column 3: expected a number, found 'inf'"),
        ("0,0,0,0,1", {"name": "t", "label_column": 2}, "t: type: expected regression or count"),
        ("0,0,0,0,1", {**TYPED[0], "sample_weight": "w"}, "buy: sample_weight: expected a label"),
        ("0,0,0,0,1", {**TYPED[3], "positive": "paid"}, "best: positive: expected a number, found"),
        ("0,0,0,0,1", {**TYPED[2], "classes": "learned"}, "stars: classes: expected a list of tex"),
    ],
)
def test_labels_and_weights_that_cannot_be_used(write, line, task, problem):
    path = write(f"0,0,0,0,1\n{line}\n")
    with pytest.raises(ValueError, match=problem):
        dataset(
            path, kind=Typed, tasks=[task], dense_input_dim=1, sparse_fields=None
        ).column_statistics()


@pytest.mark.parametrize(
    ("values", "problem"),
    [
        ({"tasks": None}, r"hyper_parameters\.tasks: expected a list of tasks.* found None"),
        (
            {"tasks": [{"name": "a", "label_column": 3}]},
            r"tasks: a: label_column: expected an .* 0 to 2 \(click, buy, spare\), found 3",
        ),
        ({"dense_input_dim": -1}, r"dense_input_dim: expected an integer of .* found -1"),
        ({"dense_input_dim": "2"}, r"dense_input_dim: expected an integer of .* found '2'"),
        ({"hash_ids": 1}, r"hash_ids: expected True or False, found 1"),
        ({"sparse_fields": {"name": "a"}}, r"sparse_fields: expected a list of fields"),
        (
            {"sparse_fields": [{"name": "a", "size": 2, "len": 3}]},
            r"sparse_fields: a: expected keys .*'len'",
        ),
        (
            {"sparse_fields": [{"name": "a", "size": 2**24 + 1}]},
            r"a: size: expected an integer from 2 to 16777216, found 16777217",
        ),
        (
            {"sparse_fields": [{"name": "a", "size": 2, "max_len": 2**24 + 1}]},
            r"a: max_len: expected an integer from 1 to 16777216, found 16777217",
        ),
        ({"sparse_fields": [], "dense_input_dim": 0}, r"sparse_fields: expected a field"),
    ],
)
def test_bad_hyper_parameters_are_named(write, values, problem):
    with pytest.raises(ValueError, match=problem):
        dataset(write(TEXT), **values)
