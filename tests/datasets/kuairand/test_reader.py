from __future__ import annotations

import numpy as np
import pytest
from kuairand_tables import (
    FIRST_ID,
    PLACE,
    TEST,
    KuaiRandTables,
    rows,
)

from datasets.kuairand.columns import FIELDS
from datasets.kuairand.reader import RecDataset


@pytest.fixture
def tables(tmp_path):
    return KuaiRandTables(tmp_path / "raw")


@pytest.mark.parametrize("dense", [0, 7, 25, 40, 77, 110])
def test_reader(tables, tmp_path, dense):
    tables.prepare(tmp_path)
    config = {
        "hyper_parameters.tasks": [
            {"name": "ctcvr", "label_column": 1},
            {"name": "watch", "label_column": 9, "type": "regression"},
            {"name": "ratio", "label_column": 10, "type": "regression"},
        ],
        "hyper_parameters.dense_input_dim": dense,
        "hyper_parameters.sparse_fields": [
            {"name": field.name, "size": field.size, "max_len": field.max_len} for field in FIELDS
        ],
    }
    data = RecDataset([str(tmp_path / TEST)], config)
    *numbers, ids, label, watch, ratio = data.take(slice(0, 5))
    assert [array.shape for array in numbers] == ([(5, dense)] if dense else [])
    expected = np.array(
        [[float(cell or "nan") for cell in row] for row in rows(tmp_path, TEST)[:5]]
    )
    assert ids.tolist() == expected[:, FIRST_ID:-50].tolist()
    assert label.tolist() == expected[:, 1:2].tolist()
    np.testing.assert_array_equal(watch, expected[:, 9:10].astype("f4"))
    np.testing.assert_array_equal(ratio, expected[:, 10:11].astype("f4"))
    assert np.isnan(ratio).sum() == 1
    if dense:
        chosen = [*range(11, 18), *range(51, 121)] if dense == 77 else range(11, 11 + dense)
        np.testing.assert_array_equal(numbers[0], expected[:, chosen].astype("f4"))


def opened(path, *fields, dense=0):
    config = {
        "hyper_parameters.tasks": [{"name": "click", "label_column": 0}],
        "hyper_parameters.dense_input_dim": dense,
        "hyper_parameters.sparse_fields": list(fields),
    }
    return RecDataset([str(path)], config)


def test_reader_takes_fields_by_name(tables, tmp_path):
    tables.prepare(tmp_path)
    sequence = {"name": "history", "size": 7584, "sequence": True}
    tag, user = {"name": "tag", "size": 47, "max_len": 3}, {"name": "user_id", "size": 27286}
    path = tmp_path / TEST
    expected = np.array([[int(cell) for cell in row[FIRST_ID:]] for row in rows(tmp_path, TEST)])
    first, tags = PLACE["user_id"] - FIRST_ID, PLACE["tag"] - FIRST_ID
    chosen = [*range(tags, tags + 3), *range(37, 87), first]
    data = opened(path, tag, {**sequence, "max_len": 50}, user)
    ids, _ = data.take(slice(0, len(data)))
    assert ids.tolist() == expected[:, chosen].tolist()
    np.testing.assert_array_equal(data.groups("user_id"), np.where(ids[:, -1], ids[:, -1], -1))
    video = np.where(expected[:, 29], expected[:, 29], -1)
    np.testing.assert_array_equal(data.groups("video_id"), video)  # is not declared
    ids, _ = opened(path, user, {**sequence, "max_len": 2}, tag).take(slice(0, len(data)))
    for row, found in zip(expected, ids):
        items = [item for item in row[37:] if item][-2:]
        assert found.tolist() == [row[first], *items, *[0] * (2 - len(items)), *row[tags:37]]
    assert (ids[:, 2] > 0).any()


@pytest.mark.parametrize(
    ("field", "complaint"),
    [
        ({"name": "user", "size": 9}, "user: name: expected a field of the .* mean user_id"),
        ({"name": "tag", "size": 47}, "tag: max_len: expected 3, as in the files, found 1"),
        ({"name": "tag", "size": 47, "max_len": 4}, "tag: max_len: expected 3, .* found 4"),
        ({"name": "hour", "size": 3}, "column 123, field hour: expected an id from 0 to 2, found"),
    ],
)
def test_fields_that_the_files_lack_are_refused(tables, tmp_path, field, complaint):
    tables.prepare(tmp_path)
    with pytest.raises(ValueError, match=complaint):
        opened(tmp_path / TEST, {"name": "tab", "size": 16}, field).take(slice(0, 96))


def test_watch_time_is_no_class(tables, tmp_path):
    tables.prepare(tmp_path)
    config = {
        "hyper_parameters.tasks": [{"name": "watch", "label_column": 9}],
        "hyper_parameters.dense_input_dim": 25,
    }
    with pytest.raises(ValueError, match=r"watch: type: expected regression or count, .* watch_t"):
        RecDataset([str(tmp_path / TEST)], config)
