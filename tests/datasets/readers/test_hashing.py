"""Several ids a value: the hashes are written down once more, and collisions are counted."""

import hashlib
from itertools import combinations

import numpy as np
import paddle
import pytest
from table_files import arrays, completed, configuration, trained, write_text

from datasets.readers.field_matrix import FieldDataset
from datasets.readers.fields import hashing
from datasets.readers.sparse_fields import fields_of
from models.common.inputs.embeddings import FieldEmbedding

TEXTS = [f"user {number}" for number in range(300)]


def digest(text, salt=b""):
    found = hashlib.blake2b(text.encode("utf-8"), digest_size=8, salt=salt).digest()
    return int.from_bytes(found, "little")


def collisions(ids):
    """The pairs of values that have all ids in common."""
    return sum(tuple(one) == tuple(other) for one, other in combinations(ids.tolist(), 2))


def test_the_ids_of_texts():
    double = hashing.text_ids(TEXTS, 20, 3, "double")
    expected = [[1 + digest(t, s) % 20 for s in (b"", b"\x01", b"\x02")] for t in TEXTS]
    assert double.tolist() == expected
    divided = hashing.text_ids(TEXTS, 20, 2, "quotient_remainder")
    numbers = [digest(text) % 400 for text in TEXTS]
    assert divided.tolist() == [[1 + n % 20, 21 + n // 20] for n in numbers]
    assert (divided.max(), hashing.size(20, "quotient_remainder")) == (40, 41)


def test_few_values_have_all_ids_in_common():
    # Of 44850 pairs about 1 in 20 collides with one id of 20, and 1 in 400 with two.
    one, two = (collisions(hashing.text_ids(TEXTS, 20, num, "double")) for num in (1, 2))
    assert one == pytest.approx(44850 / 20, rel=0.15)
    assert two == pytest.approx(44850 / 400, rel=0.4)
    divided = collisions(hashing.text_ids(TEXTS, 20, 2, "quotient_remainder"))
    assert divided == pytest.approx(44850 / 400, rel=0.4)


def test_the_ids_of_numbers():
    numbers = np.array([[0, 1], [7, 8], [50, 100]])
    assert hashing.number_ids(numbers, 8, 1, None).tolist() == [[0, 1], [7, 1], [1, 2]]
    assert hashing.number_ids(numbers, 21, 2, "quotient_remainder").tolist() == [
        [0, 0, 1, 11],
        [7, 11, 8, 11],
        [10, 15, 10, 20],
    ]
    every = np.arange(1, 101)[:, None]
    assert collisions(hashing.number_ids(every, 21, 2, "quotient_remainder")) == 0
    double = hashing.number_ids(every, 21, 2, "double")
    assert (double.min(), double.max()) == (1, 20)
    # 10 of the 99 pairs of neighbours modulo 20 would stay with a second hash of no effect.
    assert collisions(double) < collisions(double[:, :1]) / 8


def test_a_column_of_a_table_with_several_ids(tmp_path):
    rows = [[1, 0, "a", "x|y"], [0, 1, "b", "y"], [1, 1, None, ""]]
    path = write_text(tmp_path / "a.csv", rows, ["click", "like", "user", "tags"])
    hashed = {"hash_buckets": 50, "hash_num": 2}
    divided = {"hash_buckets": 9, "hash_num": 2, "hash_method": "quotient_remainder"}
    tags = {"name": "tags", "separator": "|", "max_len": 3, "pooling": "mean", **divided}
    table = {"dense": None, "sparse": [{"name": "user", **hashed}, tags]}
    ids, *_ = arrays(trained(tmp_path, path, table=table))
    user = {text: [1 + digest(text, salt) % 50 for salt in (b"", b"\x01")] for text in "ab"}
    tag = {t: [1 + digest(t) % 81 % 9, 10 + digest(t) % 81 // 9] for t in "xy"}
    assert ids.tolist() == [
        [*user["a"], *tag["x"], *tag["y"], 0, 0],
        [*user["b"], *tag["y"], 0, 0, 0, 0],
        [0] * 8,
    ]
    config = completed(configuration(tmp_path, table=table), [path])
    fields = fields_of(config)
    assert [(f.size, f.max_len, f.values, f.pooling) for f in fields] == [
        (51, 2, 1, "sum"),
        (19, 6, 3, "mean"),
    ]
    # A value's embedding is the sum of its rows; 51 rows are those of the first field.
    embedding = FieldEmbedding(fields, 4)
    weight = embedding.table.weight.numpy()

    found = embedding(paddle.to_tensor(ids)).numpy()
    np.testing.assert_allclose(found[0, :4], weight[user["a"]].sum(axis=0), rtol=1e-5)
    rows = [51 + place for place in (*tag["x"], *tag["y"])]
    np.testing.assert_allclose(found[0, 4:], weight[rows].mean(axis=0), rtol=1e-5)
    assert not found[2].any()


def test_a_field_of_a_matrix_with_several_ids(tmp_path):
    class Dataset(FieldDataset):
        LABELS = ("click",)

    path = tmp_path / "a.txt"
    path.write_text("1,5,900\n0,0,3\n")
    declared = [{"name": "a", "size": 10}, {"name": "b", "size": 13, "hash_num": 2}]
    declared[1]["hash_method"] = "quotient_remainder"
    tasks = [{"name": "click", "label_column": 0}]
    config = {"hyper_parameters.sparse_fields": declared, "hyper_parameters.tasks": tasks}
    ids, _ = Dataset([str(path)], config).take(slice(0, 2))
    # 899 = 149 * 6 + 5, and 149 % 6 = 5
    assert ids.tolist() == [[5, 6, 12], [0, 3, 7]]


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"hash_num": 2}, "hash_num: expected no value, because hash_buckets is not set"),
        ({"hash_buckets": 9, "hash_num": 9}, "hash_num: expected .* 1 to 8"),
        ({"hash_buckets": 9, "hash_method": "double"}, "because hash_num is 1"),
        ({"hash_buckets": 9, "hash_num": 2, "hash_method": "triple"}, "hash_method: expected"),
        (
            {"hash_buckets": 9, "hash_num": 3, "hash_method": "quotient_remainder"},
            "2, a quotient and a remainder",
        ),
        (
            {"hash_buckets": 9, "hash_num": 2, "separator": "|", "max_len": 2, "pooling": "max"},
            "sum or mean",
        ),
    ],
)
def test_what_cannot_be_hashed_is_one_line(tmp_path, entry, problem):
    path = write_text(tmp_path / "a.csv")
    with pytest.raises(ValueError, match=problem) as caught:
        trained(tmp_path, path, table={"sparse": [{"name": "user", **entry}]})
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("entry", "problem"),
    [
        ({"hash_num": 2, "sequence": True}, "sequence: expected no value"),
        ({"hash_num": 2, "hash_method": "quotient_remainder"}, "size: expected an odd number"),
        ({"hash_num": 2, "pooling": "max", "max_len": 3}, "sum or mean"),
    ],
)
def test_fields_of_a_matrix_that_cannot_be_hashed(entry, problem):
    with pytest.raises(ValueError, match=problem):
        fields_of({"hyper_parameters.sparse_fields": [{"name": "a", "size": 10, **entry}]})
