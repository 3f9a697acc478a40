"""Values with weights: in texts, printed lists, lists, pairs and maps of Parquet."""

import json

import numpy as np
import pyarrow as pa
import pytest
from table_files import arrays, trained, write_parquet, write_text

# c is rare: it has no id and takes no place. A colon of a value stands before the weight's.
CELLS = [
    [("a", 0.5), ("b", None)],
    [],
    [("b", 2.0), ("c", 9.0), ("a", 0.25), ("b", 0.0), ("a", 3.0)],
    [("x:y", 1.5), ("x:y", 4.0)],
]
TEXTS = [[v if w is None else f"{v}:{w}" for v, w in cell] for cell in CELLS]
PAIR = pa.struct([("item", pa.string()), ("share", pa.float32())])
FORMS = {
    "texts": ([" | ".join(cell) for cell in TEXTS], pa.string()),
    "printed lists": ([json.dumps(cell) for cell in TEXTS], pa.string()),
    "lists": (TEXTS, pa.list_(pa.string())),
    "large lists": (TEXTS, pa.large_list(pa.large_string())),
    "pairs": ([[{"item": v, "share": w} for v, w in cell] for cell in CELLS], pa.list_(PAIR)),
    "maps": (CELLS, pa.map_(pa.string(), pa.float64())),
}
# a and b occur three times, x:y twice.
IDS = {
    "last": [[1, 2, 0], [0, 0, 0], [1, 2, 1], [3, 3, 0]],
    "first": [[1, 2, 0], [0, 0, 0], [2, 1, 2], [3, 3, 0]],
}
WEIGHTS = {
    "last": [[0.5, 1, 0], [0, 0, 0], [0.25, 0, 3], [1.5, 4, 0]],
    "first": [[0.5, 1, 0], [0, 0, 0], [2, 0.25, 0], [1.5, 4, 0]],
}
SEEN = {"name": "seen", "separator": "|", "max_len": 3, "weighted": True, "min_count": 2}


def table(*sparse):
    return {"labels": ["click"], "dense": None, "sparse": list(sparse)}


@pytest.mark.parametrize("keep", IDS)
@pytest.mark.parametrize("form", FORMS)
def test_weights_stand_behind_the_ids(tmp_path, form, keep):
    cells, kind = FORMS[form]
    rows = [[row % 2, cell, cell] for row, cell in enumerate(cells)]
    header = ["click", "seen", "also"]
    path = write_parquet(tmp_path / "a.parquet", rows, header, seen=kind, also=kind)
    also = {**SEEN, "name": "also", "max_len": 2}
    data = trained(tmp_path, path, table=table({**SEEN, "keep": keep}, also))
    ids, weights, labels = arrays(data)
    assert ids[:, :3].tolist() == IDS[keep]
    assert weights[:, :3].tolist() == WEIGHTS[keep]
    assert weights[:, 3:].tolist() == [[0.5, 1], [0, 0], [0, 3], [1.5, 4]]
    assert labels[:, 0].tolist() == [0, 1, 0, 1]
    assert (ids.dtype, weights.dtype) == (np.int64, np.float32)


def test_a_text_file_and_columns_without_weights(tmp_path):
    rows = [[row % 2, "|".join(cell), "u"] for row, cell in enumerate(TEXTS)]
    path = write_text(tmp_path / "a.csv", rows, ["click", "seen", "user"])
    data = trained(tmp_path, path, table=table("user", SEEN))
    ids, weights, _ = arrays(data)
    assert ids[:, 0].tolist() == [1, 1, 1, 1]
    assert ids[:, 1:].tolist() == IDS["last"]
    assert weights.tolist() == WEIGHTS["last"]
    fields = data._encoding.hyper_parameters()["sparse_fields"]
    assert [field.get("weighted") for field in fields] == [None, True]


@pytest.mark.parametrize(
    ("cell", "found"),
    [
        ("a:0.5|b:much", "'much'"),
        ("a:|b", "''"),
        ("a:0.5|b:-1", "'-1'"),
        ("a:nan", "'nan'"),
        ("a:1e39", "'1e39'"),
        ("a:1_0", "'1_0'"),
    ],
)
def test_a_malformed_weight_is_named(tmp_path, cell, found):
    rows = [[1, "a:+1|b"], [0, "b:2"], [1, cell]]
    path = write_text(tmp_path / "a.csv", rows, ["click", "seen"])
    with pytest.raises(ValueError, match="weight") as caught:
        trained(tmp_path, path, table=table({**SEEN, "min_count": 1}))
    expected = "expected a weight, a number of at least 0, after the last colon, found"
    assert str(caught.value) == f"{path}:4: column seen: {expected} {found}"


@pytest.mark.parametrize(
    ("cells", "kind", "message"),
    [
        ([{"a": 1.0}, {"b": -2.0}], pa.map_(pa.string(), pa.float64()), "at least 0, found -2.0"),
        ([{"a": "p"}, {"b": "q"}], pa.map_(pa.string(), pa.string()), "colon, found 'p'"),
        ([[{"v": "a"}], []], pa.list_(pa.struct([("v", pa.string())])), "pairs of a value and a"),
        (
            [[{"v": "a", "w": [1]}], []],
            pa.list_(pa.struct([("v", pa.string()), ("w", pa.list_(pa.int64()))])),
            "at least 0, found list",
        ),
    ],
)
def test_pairs_that_are_no_weights(tmp_path, cells, kind, message):
    rows = [[0, cells[0]], [1, cells[1]]]
    if pa.types.is_map(kind):
        rows = [[label, list(cell.items())] for label, cell in rows]
    path = write_parquet(tmp_path / "a.parquet", rows, ["click", "seen"], seen=kind)
    with pytest.raises(ValueError, match="column seen") as caught:
        trained(tmp_path, path, table=table({**SEEN, "min_count": 1}))
    assert message in str(caught.value)
    assert "\n" not in str(caught.value)


def test_a_sequence_keeps_the_order_and_repeats_of_a_cell(tmp_path):
    din = {"type": "din", "hidden": [4]}
    seen = {"name": "seen", "separator": "|", "max_len": 3, "share": "item", "sequence": True}
    rows = [[1, "p", "q|p|p"], [0, "q", "p|q|p|q"], [1, "p", ""]]
    path = write_text(tmp_path / "a.csv", rows, ["click", "item", "seen"])
    data = trained(tmp_path, path, table=table("item", {**seen, "pooling": din}))
    # p: 2 + 2 + 2; q: 1 + 1 + 2.
    assert arrays(data)[0].tolist() == [[1, 2, 1, 1], [2, 2, 1, 2], [1, 0, 0, 0]]
    field = data._encoding.hyper_parameters()["sparse_fields"][1]
    assert (field["sequence"], field["pooling"], field["share"]) == (True, din, "item")
    assert "sequence" not in data._encoding.table.meaning["sparse"][1]
