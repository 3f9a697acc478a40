"""A table of one's own: what its columns become, whatever file they stand in."""

from __future__ import annotations

import gzip
import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pa_parquet
import pytest
from table_files import (
    HEADER,
    ROWS,
    TABLE,
    arrays,
    assert_equal,
    completed,
    configuration,
    trained,
    write_parquet,
    write_text,
)

from datasets.readers.table import columns, encoding_builder, files, parquet_pages, rows
from datasets.readers.table.reader import RecDataset


def bucket(text, buckets=50):
    """The documented hash, written down once more."""
    digest = hashlib.blake2b(text.encode("utf-8"), digest_size=8).digest()
    return int.from_bytes(digest, "little") % buckets + 1


def test_columns_become_dense_numbers_ids_and_labels(tmp_path):
    data = trained(tmp_path, write_text(tmp_path / "a.csv"))
    dense, ids, click, like = arrays(data)
    # The mean of 20, 30, 40 and 30 where age is missing; -1, as asked for, where price is.
    assert dense.tolist() == [
        [20, 1.5],
        [30, -1],
        [30, 2],
        [40, 0.25],
        [30, np.float32(1e-3)],
    ]
    # Rome twice is 1, the others by their text; b four times, a three, c and d once.
    assert ids[:, 0].tolist() == [1, 2, 1, 3, 0]
    assert ids[:, 1].tolist() == [bucket("7"), bucket("8"), bucket("9"), bucket("7"), 0]
    assert ids[:, 2:].tolist() == [[2, 1, 0], [1, 0, 0], [1, 2, 4], [0, 0, 0], [2, 1, 0]]
    assert (click.tolist(), like.tolist()) == (
        [[1], [0], [0], [1], [1]],
        [[0], [1], [0], [1], [1]],
    )
    assert [array.dtype for array in (dense, ids, click, like)] == ["f4", "i8", "i8", "i8"]


@pytest.mark.parametrize("write", [write_text, write_parquet])
def test_a_column_may_be_a_number_and_a_category(tmp_path, write):
    path = write(tmp_path / ("a.csv" if write is write_text else "a.parquet"))
    data = trained(tmp_path, path, table={"dense": ["price", "age"], "sparse": ["age", "city"]})
    dense, ids, *_ = arrays(data)
    assert dense[:, 1].tolist() == [20, 30, 30, 40, 30]  # the mean where it is missing
    assert ids.tolist() == [[2, 1], [1, 2], [0, 1], [3, 3], [1, 0]]  # 30 twice, then by the text


def test_columns_that_are_crossed(tmp_path):
    rows = [[*row] for row in ROWS]
    rows[4][3], rows[4][2] = "Rome", 20
    rows[4][4] = 8
    crossed = {"name": "city_age", "cross": ["city", "age"]}
    table = {"sparse": [crossed, "user"], "dense": ["price"]}
    data = trained(tmp_path, write_text(tmp_path / "a.csv", rows), table=table)
    _, ids, *_ = arrays(data)
    # (Rome, 20) twice; then "Oslo, Norway" before 'the "old" town'; Rome's age is missing once.
    assert ids[:, 0].tolist() == [1, 2, 0, 3, 1]
    same = trained(tmp_path, write_parquet(tmp_path / "a.parquet", rows), table=table)
    assert_equal(same, data)


def test_crossed_values_may_be_rare_or_hashed(tmp_path):
    crossed = [
        {"name": "often", "cross": ["city", "user"], "min_count": 2},
        {"name": "hashed", "cross": ["city", "user"], "hash_buckets": 50},
    ]
    rows = [["Rome", 7, 1], ["Rome", 7, 0], ["Rom", "e7", 0], [None, 7, 1], ["Rome", 8, 0]]
    path = write_text(tmp_path / "a.csv", rows, ["city", "user", "like"])
    table = {"labels": ["like"], "dense": None, "sparse": crossed}
    ids, _ = arrays(trained(tmp_path, path, table=table))
    assert ids[:, 0].tolist() == [1, 1, 0, 0, 0]
    assert ids[:, 1].tolist() == [
        *[bucket("Rome\x1f7")] * 2,
        bucket("Rom\x1fe7"),
        0,
        bucket("Rome\x1f8"),
    ]


def test_a_table_without_a_cross_has_the_vocabulary_that_it_had(tmp_path):
    table = columns.table_of(configuration(tmp_path))
    assert all("cross" not in entry for entry in table.meaning["sparse"])


def test_the_models_hyper_parameters_follow_from_the_table(tmp_path):
    config = completed(configuration(tmp_path), [write_text(tmp_path / "a.csv")])
    assert config["hyper_parameters.dense_input_dim"] == 2
    assert config["hyper_parameters.sparse_fields"] == [
        {"name": "city", "size": 4, "max_len": 1, "pooling": "mean"},
        {"name": "user", "size": 51, "max_len": 1, "pooling": "mean"},
        {"name": "tags", "size": 5, "max_len": 3, "pooling": "max"},
    ]
    assert config["hyper_parameters.tasks"] == [
        {"name": "click", "label_column": 0},
        {"name": "like", "label_column": 1},
    ]


def test_tasks_of_the_yaml_stay_and_choose_label_columns(tmp_path):
    tasks = [{"name": "liked", "label_column": 1}, {"name": "again", "label_column": 1}]
    data = trained(tmp_path, write_text(tmp_path / "a.csv"), tasks=tasks)
    assert [column.tolist() for column in arrays(data)[2:]] == [[[0], [1], [0], [1], [1]]] * 2


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("b.tsv", {"delimiter": "\t"}),
        ("b.txt", {}),
        ("crlf.csv", {"end": "\r\n"}),
        ("bom.csv", {"encoding": "utf-8-sig"}),
    ],
)
def test_text_in_every_form_gives_equal_arrays(tmp_path, name, options):
    expected = trained(tmp_path, write_text(tmp_path / "a.csv"))
    assert_equal(trained(tmp_path, write_text(tmp_path / name, **options)), expected)


def test_parquet_gives_the_arrays_of_csv(tmp_path):
    """Also where missing cells made a column of integers one of floating-point numbers."""
    expected = trained(tmp_path, write_text(tmp_path / "a.csv"))
    plain = write_parquet(tmp_path / "a.parquet")
    assert_equal(trained(tmp_path, plain), expected)
    categories = pa.dictionary(pa.int8(), pa.string())
    types = {"user": pa.float64(), "age": pa.float32(), "city": categories}
    types |= {"like": pa.int8(), "tags": pa.large_string()}
    assert_equal(trained(tmp_path, write_parquet(tmp_path / "b.parquet", **types)), expected)


def test_parquet_lists_are_the_values_of_a_cell(tmp_path):
    expected = trained(tmp_path, write_text(tmp_path / "a.csv"))
    listed = [[*row] for row in ROWS]
    for row in listed:
        row[5] = row[5] and row[5].split("|")
    path = write_parquet(tmp_path / "a.parquet", listed)
    assert_equal(trained(tmp_path, path), expected)


def test_gzip_blank_lines_and_no_last_newline(tmp_path):
    path = write_text(tmp_path / "a.csv")
    expected = trained(tmp_path, path)
    lines = Path(path).read_text().splitlines()
    text = "\n\n".join(lines)
    (tmp_path / "b.csv.gz").write_bytes(gzip.compress(text.encode()))
    assert_equal(trained(tmp_path, str(tmp_path / "b.csv.gz")), expected)


def test_a_quoted_cell_may_hold_a_newline(tmp_path):
    changed = [[*row] for row in ROWS]
    changed[1][3] = "two\nlines"
    data = trained(tmp_path, write_text(tmp_path / "a.csv", changed))
    assert arrays(data)[1][:, 0].tolist() == [1, 3, 1, 2, 0]
    assert_equal(trained(tmp_path, write_parquet(tmp_path / "a.parquet", changed)), data)


def test_files_without_a_header_and_with_another_delimiter(tmp_path):
    expected = trained(tmp_path, write_text(tmp_path / "a.csv"))
    path = write_text(tmp_path / "b.csv", header=None, delimiter=";")
    table = {"column_names": HEADER, "delimiter": ";"}
    assert_equal(trained(tmp_path, path, table=table), expected)


def test_files_may_have_their_columns_in_different_orders(tmp_path):
    first = write_text(tmp_path / "a.csv")
    order = [7, 3, 6, 1, 2, 5, 4, 0]
    turned = [[row[place] for place in order] for row in ROWS]
    second = write_parquet(tmp_path / "b.parquet", turned, [HEADER[place] for place in order])
    data = trained(tmp_path, first, second)
    assert len(data) == 10
    for column in arrays(data):
        np.testing.assert_array_equal(column[:5], column[5:])


def test_rows_and_blocks_agree_over_many_files(tmp_path):
    paths = [write_text(tmp_path / f"{name}.csv") for name in "abc"]
    data = trained(tmp_path, *paths)
    chosen = np.array([14, 0, 7, 3, 9])
    block = data.take(chosen)
    listed = list(data)
    assert len(listed) == len(data) == 15
    for place, row in enumerate(chosen):
        for field, column in zip(listed[row], block):
            np.testing.assert_array_equal(field, column[place])


def test_space_around_cells_does_not_count(tmp_path):
    spaced = [[f" {'' if cell is None else cell} " for cell in row] for row in ROWS]
    expected = trained(tmp_path, write_text(tmp_path / "a.csv"))
    assert_equal(trained(tmp_path, write_text(tmp_path / "b.csv", spaced)), expected)


@pytest.mark.parametrize("encoding", ["gbk", "utf-16", "GB18030", "utf-8-sig", "cp1252"])
def test_the_encoding_of_text_files_can_be_chosen(tmp_path, encoding):
    """Header and cells, learned from and encoded; PyArrow converts blocks of a few characters."""
    town, name = ("Malmö", "größe") if encoding == "cp1252" else ("北京", "城市")
    rows = [[*row[:3], town if row[3] == "Rome" else row[3], *row[4:]] for row in ROWS * 20]
    header = [name if column == "city" else column for column in HEADER]
    table = {"sparse": [name, *TABLE["sparse"][1:]]}
    expected = trained(tmp_path, write_text(tmp_path / "a.csv", rows, header), table=table)
    path = write_text(tmp_path / "b.csv", rows, header, encoding=encoding)
    found = trained(tmp_path, path, table={**table, "encoding": encoding})
    assert_equal(found, expected)
    vocabulary = next((tmp_path / "output").glob("vocabulary-*.json"))
    assert town in json.loads(vocabulary.read_text(encoding="utf-8"))["vocabularies"][name]
    assert found.place(2) == f"{path}:4"


@pytest.mark.parametrize("write", [write_text, write_parquet])
def test_space_around_names_in_a_header_does_not_count(tmp_path, write):
    expected = trained(tmp_path, write_text(tmp_path / "a.csv"))
    path = tmp_path / ("b.csv" if write is write_text else "b.parquet")
    spaced = [f" {name}" if name != "like" else "like\t" for name in HEADER]
    assert_equal(trained(tmp_path, write(path, header=spaced)), expected)
    both = write(path, [[*row, 5] for row in ROWS], [*spaced, "age"])
    with pytest.raises(ValueError, match="expected each column only once, found age again"):
        trained(tmp_path, both)


def test_integers_that_floats_were_written_for_are_integers(tmp_path):
    """pandas writes the integers of a column as 7.0 if one cell is missing; 7.5 and 07 stay."""
    header = ["click", "user", "hashed", "item", "history", "pair"]
    table = {
        "labels": ["click"],
        "dense": None,
        "sparse": [
            "user",
            {"name": "hashed", "hash_buckets": 50},
            {"name": "history", "separator": "|", "max_len": 2},
            {"name": "cross", "cross": ["user", "hashed"]},
        ],
    }
    plain = [[1, "7", "7", "7", "7|-3", 1], [0, "07", "8", "7", "8", 1], [1, "7.5", "x", "", "", 1]]
    floats = [
        [1, "7.0", "7.0", "7", "7.0|-3.0", 1],
        [0, "07.0", "8.0", "7", "8.0", 1],
        [1, "7.5", "x", "", "", 1],
    ]
    paths = [
        write_text(tmp_path / f"{name}.csv", rows, header)
        for name, rows in {"plain": plain, "floats": floats}.items()
    ]
    for train, test in (paths, paths[::-1]):
        config = completed(configuration(tmp_path, table=table), [train])
        encoding = json.loads(Path(config["hyper_parameters.table.vocabulary"]).read_text())
        assert encoding["vocabularies"]["user"] == ["07", "7", "7.5"]
        assert_equal(RecDataset([test], config), RecDataset([train], config))
        ids = arrays(RecDataset([test], config))[0]
        assert ids[:, 0].tolist() == [2, 1, 3]
        assert ids[:2, 1].tolist() == [bucket("7"), bucket("8")]
        np.testing.assert_array_equal(RecDataset(paths, config).groups("user"), [0, 1, 2] * 2)


def test_a_vocabulary_of_an_earlier_version_keeps_its_meaning(tmp_path):
    """It kept the first values, knew no \\N, and 7.0 was not 7."""
    sparse = [{"name": "user"}, {"name": "tags", "separator": "|", "max_len": 2}]
    table = {"labels": ["like"], "dense": None, "sparse": sparse}
    rows = [["7.0", "a|b|c", 1], ["7", "b", 0], [r"\N", "b|a", 1]]
    path = write_text(tmp_path / "a.csv", rows, ["user", "tags", "like"])
    common = {"min_count": 1, "hash_buckets": None, "pooling": "mean", "share": None}
    old = {
        "labels": ["like"],
        "dense": [],
        "sparse": [
            {"name": "user", **common, "separator": None, "max_len": 1},
            {"name": "tags", **common, "separator": "|", "max_len": 2},
        ],
        "missing": ["NA", "N/A", "NaN", "nan", "NULL", "null", "None"],
    }
    vocabularies = {"user": ["7", "7.0", r"\N"], "tags": ["b", "a", "c"]}
    text = json.dumps([old, {}, vocabularies], sort_keys=True, ensure_ascii=False)
    sha256 = hashlib.sha256(text.encode()).hexdigest()
    content = {"encoding": sha256, "learned_from": [], "table": old, "fills": {}}
    (tmp_path / "output").mkdir()
    file = tmp_path / "output" / f"vocabulary-{sha256[:12]}.json"
    file.write_text(json.dumps({**content, "vocabularies": vocabularies}))
    config = completed(configuration(tmp_path, table=table), None, sha256)
    ids = arrays(RecDataset([path], config))[0]
    assert ids.tolist() == [[2, 2, 1], [1, 1, 0], [3, 1, 2]]
    new = completed(configuration(tmp_path, table=table), [path])  # a new training learns anew
    assert arrays(RecDataset([path], new))[0].tolist() == [[1, 1, 3], [1, 1, 0], [0, 1, 2]]


@pytest.mark.parametrize(("keep", "kept"), [("first", [3, 1, 2]), ("last", [1, 2, 4])])
def test_the_first_or_the_last_values_of_a_cell_are_kept(tmp_path, keep, kept):
    table = {"sparse": [*TABLE["sparse"][:2], {**TABLE["sparse"][2], "keep": keep}]}
    path = write_text(tmp_path / "a.csv")
    ids = arrays(trained(tmp_path, path, table=table))[1]
    # Of c|b|a|d; cells of at most three values keep all, in their order.
    assert ids[:, 2:].tolist() == [[2, 1, 0], [1, 0, 0], kept, [0, 0, 0], [2, 1, 0]]
    config = completed(configuration(tmp_path, table=table), [path])
    # The checkpoint's setting counts where the YAML has none.
    without = completed(configuration(tmp_path), None, config["hyper_parameters.encoding"])
    assert_equal(RecDataset([path], without), RecDataset([path], config))


@pytest.mark.parametrize("mark", ["NA", "NaN", "null", "None", "N/A", r"\N"])
def test_texts_that_stand_for_a_missing_value(tmp_path, mark):
    marked = [[mark if cell is None else cell for cell in row] for row in ROWS]
    expected = trained(tmp_path, write_text(tmp_path / "a.csv"))
    assert_equal(trained(tmp_path, write_text(tmp_path / "b.csv", marked)), expected)


def test_texts_for_missing_values_can_be_chosen(tmp_path):
    """NA is Namibia then, and -9 is missing, as a text and as a number."""
    other = [[*row] for row in ROWS]
    other[0][3], other[2][2], other[1][6] = "NA", -9, -9
    data = trained(tmp_path, write_text(tmp_path / "a.csv", other), table={"missing": ["-9"]})
    dense, ids = arrays(data)[:2]
    assert dense[:, 0].tolist() == [20, 30, 30, 40, 30]
    assert dense[1, 1] == -1
    assert ids[0, 0] == 1  # one of four values that are there once, by their text
    table = write_parquet(tmp_path / "a.parquet", other)
    assert_equal(trained(tmp_path, table, table={"missing": ["-9"]}), data)


def test_labels_may_be_written_as_truth_values_or_fractions(tmp_path):
    expected = trained(tmp_path, write_text(tmp_path / "a.csv"))
    words = [[*row[:7], ("False", "TRUE")[row[7]]] for row in ROWS]
    for row in words:
        row[1] = f"{row[1]}.0"
    assert_equal(trained(tmp_path, write_text(tmp_path / "b.csv", words)), expected)
    booleans = [[*row[:7], bool(row[7])] for row in ROWS]
    assert_equal(trained(tmp_path, write_parquet(tmp_path / "b.parquet", booleans)), expected)


def test_numbers_may_be_written_with_a_plus_or_an_exponent(tmp_path):
    other = [[*row] for row in ROWS]
    other[0][2], other[0][6] = "+20", "15e-1"
    expected = trained(tmp_path, write_text(tmp_path / "a.csv"))
    assert_equal(trained(tmp_path, write_text(tmp_path / "b.csv", other)), expected)


def test_unknown_categories_are_0_and_do_not_take_a_place_in_a_list(tmp_path):
    train = write_text(tmp_path / "train.csv")
    other = [["", 1, 20, "Lima", 1234, "zzz|c|new|b", 1, 1]]
    test = write_text(tmp_path / "test.csv", other)
    config = completed(configuration(tmp_path), [train])
    ids = arrays(RecDataset([test], config))[1]
    assert ids.tolist() == [[0, bucket("1234"), 3, 1, 0]]


def test_a_missing_number_of_the_test_files_is_the_training_rows_mean(tmp_path):
    train = write_text(tmp_path / "train.csv")
    test = write_text(tmp_path / "test.csv", [["", 1, None, "Rome", 1, "a", None, 1]] * 3)
    config = completed(configuration(tmp_path), [train])
    assert arrays(RecDataset([test], config))[0].tolist() == [[30, -1]] * 3


def test_rare_values_are_unknown(tmp_path):
    table = {"sparse": [{"name": "city", "min_count": 2}]}
    data = trained(tmp_path, write_text(tmp_path / "a.csv"), table=table)
    assert arrays(data)[1].tolist() == [[1], [0], [1], [0], [0]]


def test_columns_share_one_vocabulary(tmp_path):
    header = ["click", "item", "history"]
    seen = [[1, "a", "b|c"], [0, "b", "b"], [1, "d", None]]
    sparse = ["item", {"name": "history", "separator": "|", "max_len": 2, "share": "item"}]
    table = {"labels": ["click"], "dense": None, "sparse": sparse}
    path = write_text(tmp_path / "a.csv", seen, header)
    config = completed(configuration(tmp_path, table=table), [path])
    fields = config["hyper_parameters.sparse_fields"]
    assert [field["size"] for field in fields] == [5, 5]
    assert fields[1]["share"] == "item"
    ids, _ = arrays(RecDataset([path], config))  # b thrice, then a, c, d
    assert ids.tolist() == [[2, 1, 3], [1, 1, 0], [4, 0, 0]]


def test_a_table_of_numbers_alone(tmp_path):
    table = {"labels": ["like"], "sparse": None}
    config = completed(configuration(tmp_path, table=table), [write_text(tmp_path / "a.csv")])
    assert config.get("hyper_parameters.sparse_fields") is None
    assert config["hyper_parameters.feature_size"] == 2
    assert [c.shape for c in arrays(RecDataset([str(tmp_path / "a.csv")], config))] == [
        (5, 2),
        (5, 1),
    ]


def test_ids_do_not_depend_on_the_order_of_rows(tmp_path):
    first = trained(tmp_path, write_text(tmp_path / "a.csv"))
    second = trained(tmp_path, write_text(tmp_path / "b.csv", ROWS[::-1]))
    for one, other in zip(arrays(first), arrays(second)):
        np.testing.assert_array_equal(one, other[::-1])


def test_a_large_file_is_read_in_parts(tmp_path, monkeypatch):
    """Rows, their order and the lines that errors name do not depend on the parts."""
    many = [ROWS[row % 5] for row in range(3_000)]
    whole = trained(tmp_path, write_text(tmp_path / "a.csv", many))
    monkeypatch.setattr(files, "_BLOCK", 1_000)
    monkeypatch.setattr(parquet_pages, "_ROWS", 7)
    assert_equal(trained(tmp_path, write_text(tmp_path / "b.csv", many)), whole)
    assert_equal(trained(tmp_path, write_parquet(tmp_path / "b.parquet", many)), whole)
    many[2_500] = [*ROWS[0][:7], 2]
    for path, place in (
        (write_text(tmp_path / "c.csv", many), "c.csv:2502"),
        (write_parquet(tmp_path / "c.parquet", many), "c.parquet: row 2501"),
    ):
        with pytest.raises(ValueError, match=f"{place}: column like: expected a label 0 or 1, .*2"):
            trained(tmp_path, path)


@pytest.mark.parametrize("name", ["a.csv", "a.parquet"])
def test_a_file_is_read_in_bounded_memory(tmp_path, monkeypatch, name):
    """What PyArrow holds meanwhile does not grow with the file."""
    monkeypatch.setattr(files, "_BLOCK", 1 << 16)
    values = np.random.default_rng(0).integers(0, 10**12, 20_000).astype(str)
    schema = pa.schema([("x", pa.string()), ("y", pa.int64())])
    part = pa.table({"x": values, "y": np.ones(len(values), np.int64)}, schema)
    table = columns.Table(("y",), (), (columns.Sparse("x"),))
    path = str(tmp_path / name)

    def held(parts):
        kind = pa_csv.CSVWriter if name.endswith("csv") else pa_parquet.ParquetWriter
        with kind(path, schema) as writer:
            for _ in range(parts):
                writer.write_table(part)
        before, most, rows_read = pa.total_allocated_bytes(), 0, 0
        for batch, _ in files.batches(path, table, ["x", "y"]):
            rows_read += len(batch["x"])
            most = max(most, pa.total_allocated_bytes() - before)
        assert rows_read == parts * len(values)
        return most

    assert held(50) < 1.5 * held(10)


def test_a_file_is_encoded_once(tmp_path, monkeypatch):
    path = write_text(tmp_path / "a.csv")
    config = completed(configuration(tmp_path), [path])
    expected = arrays(RecDataset([path], config))
    monkeypatch.setattr(rows, "encoded", None)
    for one, other in zip(arrays(RecDataset([path], config)), expected):
        np.testing.assert_array_equal(one, other)


def test_a_changed_file_is_encoded_anew(tmp_path, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path))
    path = write_text(tmp_path / "a.csv")
    config = completed(configuration(tmp_path), [path])
    assert len(RecDataset([path], config)) == 5
    write_text(path, ROWS * 2)
    assert len(RecDataset([path], config)) == 10
    copies = [np.load(copy) for copy in tmp_path.glob("paddlemtl/.a.csv.*.npy")]
    assert [len(copy) for copy in copies if copy.dtype == np.int32] == [10]


def test_another_encoding_is_another_copy(tmp_path):
    path = write_text(tmp_path / "a.csv")
    first = arrays(trained(tmp_path, path))[1]
    table = {
        "sparse": [*TABLE["sparse"][:1], {"name": "user", "hash_buckets": 3}, TABLE["sparse"][2]]
    }
    second = arrays(trained(tmp_path, path, table=table))[1]
    assert (second[:, 1] <= 3).all()
    np.testing.assert_array_equal(arrays(trained(tmp_path, path))[1], first)


def test_what_was_learned_is_learned_once(tmp_path, monkeypatch):
    path = write_text(tmp_path / "a.csv")
    first = completed(configuration(tmp_path), [path])
    monkeypatch.setattr(encoding_builder, "learn", None)
    assert dict(completed(configuration(tmp_path), [path])) == dict(first)


def test_other_training_files_give_another_vocabulary_and_leave_the_first(tmp_path):
    """A checkpoint of before finds its own."""
    path = write_text(tmp_path / "a.csv")
    first = completed(configuration(tmp_path), [path])
    before = arrays(RecDataset([path], first))[1]
    write_text(path, [*ROWS, ["", 1, 20, "Oslo, Norway", 7, "d|d|d|d|d", 1, 1]] * 2)
    second = completed(configuration(tmp_path), [path])
    assert first["hyper_parameters.encoding"] != second["hyper_parameters.encoding"]
    assert len(list((tmp_path / "output").glob("vocabulary-*.json"))) == 2
    again = completed(configuration(tmp_path), None, first["hyper_parameters.encoding"])
    assert again["hyper_parameters.sparse_fields"] == first["hyper_parameters.sparse_fields"]
    np.testing.assert_array_equal(arrays(RecDataset([path], again))[1][:5], before)


def test_the_vocabulary_file_says_what_ids_mean(tmp_path):
    config = completed(configuration(tmp_path), [write_text(tmp_path / "a.csv")])
    path = Path(config["hyper_parameters.table.vocabulary"])
    content = json.loads(path.read_text(encoding="utf-8"))
    assert path.parent == tmp_path / "output"
    assert content["vocabularies"]["city"] == ["Rome", "Oslo, Norway", 'the "old" town']
    assert content["fills"] == {"age": 30.0, "price": -1.0}
    assert content["encoding"] == config["hyper_parameters.encoding"]


def test_an_exported_model_finds_the_vocabulary_beside_it_or_above(tmp_path):
    """The reader then has a configuration without the key of a folder: the metadata's."""
    path = write_text(tmp_path / "a.csv")
    config = completed(configuration(tmp_path), [path])
    expected = arrays(RecDataset([path], config))
    values = {key: value for key, value in config.items() if key.startswith("hyper_parameters.")}
    vocabulary = Path(values["hyper_parameters.table.vocabulary"])
    for place in ("model", "model/4"):
        folder = tmp_path / "moved" / place
        folder.mkdir(parents=True)
        meta = {**values, "yaml_path": str(folder / "tostatic.meta.json")}
        target = tmp_path / "moved" / "model" / vocabulary.name
        os.replace(vocabulary, target)
        for one, other in zip(arrays(RecDataset([path], meta)), expected):
            np.testing.assert_array_equal(one, other)
        vocabulary = target


@pytest.mark.parametrize("name", ["new.csv", "new.parquet"])
def test_rows_to_predict_have_no_labels(tmp_path, name):
    train = write_text(tmp_path / "train.csv")
    config = completed(configuration(tmp_path), [train])
    expected = arrays(RecDataset([train], config))
    kept = [place for place, column in enumerate(HEADER) if column not in ("click", "like")]
    new = [[row[place] for place in kept] for row in ROWS]
    write = write_text if name.endswith("csv") else write_parquet
    path = write(tmp_path / name, new, [HEADER[place] for place in kept])
    found = arrays(RecDataset([path], config))
    assert len(found) == 2
    for one, other in zip(found, expected):
        np.testing.assert_array_equal(one, other)
    dense, ids, click, like = arrays(RecDataset([train, path], config))  # labelled in part
    for found, one in zip((dense, ids), expected):
        np.testing.assert_array_equal(found, np.concatenate([one, one]))
    assert (np.stack([click, like])[:, 5:] == -100).all()
    np.testing.assert_array_equal(click[:5], expected[2])


@pytest.mark.parametrize("write", [write_text, write_parquet])
def test_where_a_row_was_read(tmp_path, write):
    """Said of a row whose loss is no number: headers, blank lines and newlines in cells count."""
    rows = [[*row] for row in ROWS]
    rows[1][0] = "two\nlines"
    ending = "csv" if write is write_text else "parquet"
    paths = [write(tmp_path / f"{name}.{ending}", rows) for name in "ab"]
    data = trained(tmp_path, *paths)
    if write is write_text:
        assert data.place(0) == f"{paths[0]}:2"
        assert data.place(5 + 2) == f"{paths[1]}:5"
    else:
        assert data.place(5 + 2) == f"{paths[1]}: row 3"
