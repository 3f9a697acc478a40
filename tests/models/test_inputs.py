"""Standardised inputs against NumPy."""

import numpy as np
import paddle
import pytest

from models.multitask.inputs import Standardize, fit_standardize


def table(rows=5000):
    rng = np.random.default_rng(0)
    age = rng.integers(0, 91, rows)
    gains = np.where(rng.random(rows) < 0.03, rng.integers(1, 99_999, rows), 0)
    negative = rng.normal(-5.0, 2.0, rows)
    constant = np.full(rows, 94.0)
    one_hot = np.eye(3)[rng.integers(0, 3, rows)]
    dense = np.stack([age, gains, negative, constant], axis=1)
    return np.concatenate([dense, one_hot], axis=1).astype("f4")


def fitted(features, dense=4, block=700):
    blocks = (features[start : start + block] for start in range(0, len(features), block))
    layer = Standardize(features.shape[1], dense)
    for name, value in fit_standardize(blocks, dense).items():
        getattr(layer, name).set_value(value)
    return layer


def test_dense_columns_have_mean_0_and_deviation_1_and_heavy_tails_are_logs():
    features = table()
    layer = fitted(features)
    assert layer.logarithmic.numpy().tolist() == [0, 1, 0, 0]
    found = layer(paddle.to_tensor(features)).numpy()
    expected = features[:, :4].astype(np.float64)
    expected[:, 1] = np.log1p(expected[:, 1])
    expected = (expected - expected.mean(axis=0)) / np.where(
        expected.std(axis=0) > 0, expected.std(axis=0), 1
    )
    np.testing.assert_allclose(found[:, :4], expected, rtol=1e-4, atol=1e-4)
    np.testing.assert_array_equal(found[:, 4:], features[:, 4:])
    assert (found[:, 3] == 0).all()


@pytest.mark.parametrize("owner", ["the engine", "the reader", "a file"])
def test_the_short_cut_for_blocks_equals_the_layer(owner):
    """A block that is a view of a reader's own rows, or of a file's, must stay as it is."""
    rows = table(300)
    layer = fitted(rows)
    block = rows[np.arange(300)] if owner == "the engine" else rows[:300]
    block.flags.writeable = owner != "a file"
    expected = layer(paddle.to_tensor(rows)).numpy()
    kept = rows.copy()
    np.testing.assert_array_equal(layer.scaled(block), expected)
    np.testing.assert_array_equal(rows, kept)


def test_all_columns_may_be_dense():
    features = table()[:, :4]
    layer = fitted(features)
    found = layer(paddle.to_tensor(features)).numpy()
    np.testing.assert_allclose(found.mean(axis=0), 0.0, atol=1e-4)


def test_it_is_not_trained():
    layer = Standardize(7, 4)
    assert all(parameter.stop_gradient for parameter in layer.parameters())
    assert sorted(layer.state_dict()) == ["deviation", "logarithmic", "mean"]
