"""One table and one look-up for all fields, against NumPy's indexing field by field."""

import numpy as np
import paddle
import pytest

from datasets.readers.sparse_fields import POOLINGS, SparseField
from models.common.inputs.embeddings import FieldEmbedding

SIZE = 3
SINGLES = [SparseField("user", 5), SparseField("item", 4), SparseField("hour", 6)]


def several(pooling):
    """Single fields before, between and behind those of several ids; one uses another's table."""
    return [
        SparseField("user", 5),
        SparseField("seen", 7, max_len=3, pooling=pooling),
        SparseField("item", 7, share="seen"),
        SparseField("tags", 4, max_len=2, pooling=pooling),
        SparseField("hour", 6),
    ]


IDS = np.array(
    [
        [1, 3, 5, 6, 3, 1, 2, 5],
        [4, 2, 0, 0, 6, 3, 0, 0],  # one id, then padding
        [0, 0, 0, 0, 0, 0, 0, 1],  # nothing but padding and unknown ids
        [2, 4, 4, 1, 4, 2, 2, 0],  # an id twice
    ]
)


def tables(fields, weight):
    """Each field's own rows of the one table: where they start follows from the sizes alone."""
    starts, end = {}, 0
    for field in fields:
        if field.share is None:
            starts[field.name], end = end, end + field.size
    assert weight.shape == (end, SIZE)
    first = [starts[field.share or field.name] for field in fields]
    return [weight[start : start + field.size] for start, field in zip(first, fields)]


def pooled(table, ids, pooling):
    """What several ids of one row become."""
    found = [table[number] for number in ids if number]
    if not found:
        return np.zeros(SIZE)
    return {"sum": np.sum, "mean": np.mean, "max": np.max}[pooling](found, axis=0)


def reference(fields, weight, ids):
    columns, start = [], 0
    for field, table in zip(fields, tables(fields, weight)):
        own = ids[:, start : start + field.max_len]
        start += field.max_len
        if field.max_len == 1:
            columns.append(table[own[:, 0]])
        else:
            columns.append(np.stack([pooled(table, row, field.pooling) for row in own]))
    assert start == ids.shape[1]
    return np.concatenate(columns, axis=1)


def gradient(layer, ids):
    """The table's gradient of the sum of squares, as an array of all its rows."""
    layer.clear_gradients()
    (layer(paddle.to_tensor(ids)) ** 2).sum().backward()
    return layer.table.weight.grad.numpy()


def numeric_gradient(fields, weight, ids, step=1e-6):
    """The same by central differences of the reference."""
    slopes = np.zeros(weight.shape)
    for place in np.ndindex(*weight.shape):
        moved = []
        for sign in (1, -1):
            other = weight.copy()
            other[place] += sign * step
            moved.append((reference(fields, other, ids) ** 2).sum())
        slopes[place] = (moved[0] - moved[1]) / (2 * step)
    return slopes


def made(fields, sparse=False):
    """A layer with numbers large enough that a mistake shows."""
    layer = FieldEmbedding(fields, SIZE, sparse)
    weight = np.random.default_rng(4).normal(size=layer.table.weight.shape)
    layer.table.weight.set_value(weight.astype("f4"))
    return layer, layer.table.weight.numpy().astype(np.float64)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_fields_are_looked_up_and_pooled_as_one_by_one(pooling):
    fields = several(pooling)
    layer, weight = made(fields)
    found = layer(paddle.to_tensor(IDS)).numpy()
    assert layer.out_size == found.shape[1] == 5 * SIZE
    np.testing.assert_allclose(found, reference(fields, weight, IDS), rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_gradients_are_those_of_the_formula(pooling):
    """An id that a row has twice counts twice in a sum, and no more than once in a maximum."""
    fields = several(pooling)
    layer, weight = made(fields)
    expected = numeric_gradient(fields, weight, IDS[:3])  # a maximum of equals has a kink
    np.testing.assert_allclose(gradient(layer, IDS[:3]), expected, rtol=1e-4, atol=1e-5)
    seen = slice(5, 5 + 7)
    twice = np.array([[0, 4, 4, 0, 2, 0, 0, 0]])  # item's 2 is a row of the same table
    factor = {"sum": 4 * 2, "mean": 2, "max": 2}[pooling]  # (2 e)^2, e^2, e^2
    expected = np.zeros((7, SIZE))
    expected[4], expected[2] = factor * weight[seen][4], 2 * weight[seen][2]
    np.testing.assert_allclose(gradient(layer, twice)[seen], expected, rtol=1e-5)


@pytest.mark.parametrize("pooling", POOLINGS)
def test_padding_contributes_nothing_and_learns_nothing(pooling):
    layer, weight = made([SparseField("seen", 7, max_len=3, pooling=pooling)])
    padded = np.array([[2, 0, 0], [0, 0, 0], [5, 6, 0]])
    before = layer(paddle.to_tensor(padded)).numpy()
    np.testing.assert_array_equal(before[1], 0.0)
    np.testing.assert_allclose(before[0], weight[2], rtol=1e-6)
    touched = np.abs(gradient(layer, padded)).sum(axis=1) > 0
    assert touched[0] == 0
    assert touched[2]
    weight[0] = 100.0
    layer.table.weight.set_value(weight.astype("f4"))
    np.testing.assert_array_equal(layer(paddle.to_tensor(padded)).numpy(), before)


def test_an_unknown_id_of_a_single_field_has_an_embedding():
    layer, weight = made(SINGLES)
    found = layer(paddle.to_tensor([[0, 0, 0]])).numpy()
    np.testing.assert_allclose(found[0], weight[[0, 5, 5 + 4]].ravel(), rtol=1e-6)


def test_single_fields_alone_are_one_look_up():
    layer, weight = made(SINGLES)
    ids = np.array([[4, 3, 5], [1, 0, 2]])
    found = layer(paddle.to_tensor(ids)).numpy()
    np.testing.assert_allclose(found, reference(SINGLES, weight, ids), rtol=1e-6)
    assert len(layer._runs) == 1


def test_fields_that_share_have_one_table_and_add_their_gradients():
    fields = [SparseField("item", 6), SparseField("last", 6, share="item")]
    layer, _ = made(fields)
    assert layer.table.weight.shape == [6, SIZE]
    found = layer(paddle.to_tensor([[3, 3], [1, 2]])).numpy()
    np.testing.assert_array_equal(found[0, :SIZE], found[0, SIZE:])
    layer.clear_gradients()
    layer(paddle.to_tensor([[3, 3], [1, 2]])).sum().backward()
    expected = np.array([0, 1, 1, 2, 0, 0])  # how often an id occurs, in whichever field
    np.testing.assert_array_equal(
        layer.table.weight.grad.numpy(), np.stack([expected] * SIZE, axis=1)
    )


def test_ids_out_of_range_are_unknown_and_never_another_fields():
    layer, _ = made(several("sum"))
    ids = np.array([[5, 7, -1, 6, 7, 4, 3, 6], [4, 6, 1, 2**40, 6, 3, 1, 5]])
    found = layer.known(paddle.to_tensor(ids)).numpy()
    assert found.tolist() == [[0, 0, 0, 6, 0, 0, 3, 0], [4, 6, 1, 0, 6, 3, 1, 5]]


def test_sparse_gradients_name_the_looked_up_rows_alone():
    fields = several("mean")
    (dense, _), (sparse, _) = made(fields), made(fields, sparse=True)
    (sparse(paddle.to_tensor(IDS)) ** 2).sum().backward()
    rows = sparse.table.weight.grad
    assert not rows.is_dense()
    looked_up = set()
    for row in IDS:
        user, *seen, item, tag1, tag2, hour = row
        looked_up |= {user, *(5 + n for n in (*seen, item)), 12 + tag1, 12 + tag2, 16 + hour}
    assert set(rows.rows()) == looked_up
    assert len(looked_up) < 22
    merged = np.zeros((22, SIZE))
    values = np.asarray(rows.get_selected_rows().get_tensor())
    np.add.at(merged, np.asarray(rows.rows()), values)
    np.testing.assert_allclose(merged, gradient(dense, IDS), rtol=1e-5, atol=1e-6)


def in_static_graph(fields, weight, ids):
    """What a layer of the given weight makes of ids, and of those that it knows."""
    paddle.enable_static()
    try:
        program, startup = paddle.static.Program(), paddle.static.Program()
        scope = paddle.static.Scope()
        with paddle.static.program_guard(program, startup):
            data = paddle.static.data("sparse", [None, ids.shape[1]], "int64")
            layer = FieldEmbedding(fields, SIZE)
            known = layer.known(data)
            fetches = [layer(known), known]
        with paddle.static.scope_guard(scope):
            executor = paddle.static.Executor(paddle.CPUPlace())
            executor.run(startup)
            table = scope.find_var(layer.table.weight.name).get_tensor()
            table.set(weight.astype("f4"), paddle.CPUPlace())
            return executor.run(program, feed={"sparse": ids}, fetch_list=fetches)
    finally:
        paddle.disable_static()


@pytest.mark.parametrize("pooling", POOLINGS)
def test_static_graph_gives_the_same(pooling):
    fields = several(pooling)
    layer, weight = made(fields)
    ids = np.concatenate([IDS, [[9, 7, -3, 2, 8, 4, 1, 6]]])
    found, known = in_static_graph(fields, weight, ids)
    expected = layer.known(paddle.to_tensor(ids))
    np.testing.assert_array_equal(known, expected.numpy())
    np.testing.assert_allclose(found, layer(expected).numpy(), rtol=1e-6, atol=1e-6)


def test_static_graph_gives_the_same_for_single_fields():
    layer, weight = made(SINGLES)
    ids = np.array([[4, 3, 5], [1, 0, 2]])
    found, _ = in_static_graph(SINGLES, weight, ids)
    np.testing.assert_allclose(found, layer(paddle.to_tensor(ids)).numpy(), rtol=1e-6)
