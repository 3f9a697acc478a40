"""Embeddings and batch normalisation of dense numbers, by hand and by NumPy."""

import re

import numpy as np
import paddle
import pytest

from models.common.inputs.building import inputs_of
from models.common.inputs.dense_embeddings import registry
from models.common.inputs.dense_embeddings.autodis import AutoDis
from models.common.inputs.dense_embeddings.batch_norm import BatchNorm
from models.common.inputs.dense_embeddings.periodic import Periodic
from models.common.inputs.dense_embeddings.piecewise_linear import PiecewiseLinear

SECTION = "hyper_parameters."


def set_all(layer, **values):
    for name, value in values.items():
        parameter = dict(layer.named_parameters())[name.replace("__", ".")]
        parameter.set_value(np.array(value, "f4").reshape(parameter.shape))


def out(layer, x):
    return layer(paddle.to_tensor(np.array(x, "f4"))).numpy()


def random_numbers(rows=5, columns=3):
    return np.random.default_rng(1).normal(size=(rows, columns)).astype("f4")


def arrays(layer):
    """The parameters in double precision, drawn again so that none is 0."""
    random = np.random.default_rng(2)
    for parameter in layer.parameters():
        if not parameter.stop_gradient:
            parameter.set_value(random.normal(size=parameter.shape).astype("f4"))
    return {name: each.numpy().astype("f8") for name, each in layer.named_parameters()}


def test_periodic_by_hand():
    """With c = 1/4 and 1/2, x = 1: v = pi/2 and pi; sines 1, 0; cosines 0, -1."""
    layer = Periodic(1, size=2, frequencies=2)
    weight = [[1.0, 2.0], [5.0, 5.0], [3.0, 3.0], [4.0, -1.0]]
    set_all(layer, frequencies=[0.25, 0.5], linear__weight=weight, linear__bias=[0.5, -1.0])
    # 1 * 1 + 0 * 5 + 0 * 3 - 1 * 4 + 0.5 = -2.5, which ReLU makes 0; 2 + 1 - 1 = 2.
    np.testing.assert_allclose(out(layer, [[1.0]]), [[0.0, 2.0]], atol=1e-6)


@pytest.mark.parametrize("lite", [False, True])
def test_periodic_is_numpys(lite):
    x, layer = random_numbers(), Periodic(3, size=4, frequencies=5, lite=lite)
    of = arrays(layer)
    expected = []
    for column in range(3):
        angles = 2 * np.pi * x[:, column : column + 1].astype("f8") * of["frequencies"][column]
        waves = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
        own, bias = (
            [of[f"linear.{name}"] for name in ("weight", "bias")]
            if lite
            else [of[f"linear.{name}"][column] for name in ("weight", "bias")]
        )
        expected.append(np.maximum(waves @ own + bias, 0))
    np.testing.assert_allclose(out(layer, x), np.concatenate(expected, 1), rtol=0, atol=2e-5)


def test_new_frequencies_have_the_deviation_sigma():
    paddle.seed(3)
    frequencies = Periodic(40, frequencies=100, sigma=0.5).frequencies.numpy()
    assert abs(frequencies.std() - 0.5) < 0.02
    assert abs(frequencies.mean()) < 0.03


def test_autodis_by_hand():
    """x = 2: h = (2, -0.02); x~ = (2, -0.02) @ ((0, 1), (0, 0)) + 0.5 h = (1, 1.99)."""
    layer = AutoDis(1, size=1, buckets=2, temperature=0.5, alpha=0.5)
    set_all(layer, first=[1.0, -1.0], second=[[0.0, 1.0], [0.0, 0.0]], meta=[10.0, 20.0])
    weight = 1 / (1 + np.exp(-(1.99 - 1.0) / 0.5))  # of the second meta-embedding
    np.testing.assert_allclose(out(layer, [[2.0]]), [[10 + 10 * weight]], rtol=1e-5)


def test_autodis_is_numpys():
    x, layer = random_numbers(), AutoDis(3, size=4, buckets=6, temperature=2.0, alpha=0.3)
    of, expected = arrays(layer), []
    for column in range(3):
        hidden = x[:, column : column + 1].astype("f8") * of["first"][column]
        hidden = np.where(hidden > 0, hidden, 0.01 * hidden)
        powers = np.exp((hidden @ of["second"][column] + 0.3 * hidden) / 2.0)
        weights = powers / powers.sum(axis=1, keepdims=True)
        expected.append(weights @ of["meta"][column])
    np.testing.assert_allclose(out(layer, x), np.concatenate(expected, 1), rtol=0, atol=2e-5)


def test_piecewise_linear_reads_the_bins_of_its_column():
    x, layer = random_numbers(columns=6), PiecewiseLinear(3, size=4, bins=2)
    of = arrays(layer)
    parts = [x[:, 2 * c : 2 * c + 2] @ of["linear.weight"][c] for c in range(3)]
    expected = np.maximum(np.concatenate(parts, 1) + of["linear.bias"].reshape(-1), 0)
    np.testing.assert_allclose(out(layer, x), expected, rtol=0, atol=2e-5)


def test_piecewise_linear_is_fitted_to_quantiles_of_the_training_rows():
    """0 to 8 in four bins: the edges are 0, 2, 4, 6, 8; 3 is half through the second."""
    config = {
        f"{SECTION}feature_size": 2,  # the second feature is no dense number
        f"{SECTION}dense_input_dim": 1,
        f"{SECTION}dense_embedding": {"type": "piecewise_linear", "bins": 4, "size": 2},
    }
    inputs = inputs_of(config)
    rows = np.array([[value, 10 + value] for value in range(9)], "f4")
    for name, value in inputs.fit([rows]).items():
        dict(inputs.named_parameters())[name].set_value(value)
    weight = np.arange(8.0).reshape(4, 2)
    set_all(inputs.dense_layers[0], linear__weight=weight, linear__bias=[1.0, -10.0])
    # Bins 1, 0.5, 0, 0: 0 + 0.5 * 2 + 1 = 2, and 1 + 0.5 * 3 - 10 is below 0.
    np.testing.assert_allclose(out(inputs, [[3.0, 7.0]]), [[2.0, 0.0, 7.0]], atol=1e-6)
    ready = [paddle.to_tensor(each) for each in inputs.scaled([rows])]
    np.testing.assert_allclose(inputs.joined(ready).numpy(), out(inputs, rows), atol=1e-6)
    assert inputs.size == inputs.layout.size == 3


def test_batch_norm_is_numpys_in_training_and_afterwards():
    x, layer = random_numbers(rows=8) * 3 + 5, BatchNorm(3)
    set_all(layer, weight=[1.0, 2.0, 3.0], bias=[0.0, 1.0, -1.0])
    mean, variance = x.mean(axis=0), x.var(axis=0)
    expected = (x - mean) / np.sqrt(variance + 1e-5) * [1, 2, 3] + [0, 1, -1]
    np.testing.assert_allclose(out(layer, x), expected, rtol=0, atol=2e-5)
    np.testing.assert_allclose(layer.mean.numpy(), 0.1 * mean, rtol=1e-5)
    np.testing.assert_allclose(layer.variance.numpy(), 0.9 + 0.1 * variance, rtol=1e-5)
    layer.eval()
    running = (x - 0.1 * mean) / np.sqrt(0.9 + 0.1 * variance + 1e-5) * [1, 2, 3] + [0, 1, -1]
    np.testing.assert_allclose(out(layer, x), running, rtol=0, atol=2e-5)
    np.testing.assert_allclose(layer.mean.numpy(), 0.1 * mean, rtol=1e-5)  # not moved


def test_a_batch_of_one_row_passes_and_moves_nothing():
    layer = BatchNorm(2)
    np.testing.assert_array_equal(out(layer, [[7.0, 9.0]]), [[7.0, 9.0]])
    np.testing.assert_array_equal(layer.mean.numpy(), 0)
    np.testing.assert_array_equal(layer.variance.numpy(), 1)


@pytest.mark.parametrize("kind", ["periodic", "autodis"])
def test_other_features_pass_and_rows_do_not_depend_on_each_other(kind):
    config = {
        f"{SECTION}feature_size": 5,
        f"{SECTION}dense_input_dim": 2,
        f"{SECTION}dense_embedding": {"type": kind, "size": 3},
    }
    inputs, x = inputs_of(config), random_numbers(columns=5)
    whole = out(inputs, x)
    assert whole.shape == (5, 9)
    np.testing.assert_array_equal(whole[:, 6:], x[:, 2:])
    np.testing.assert_allclose(out(inputs, x[3:4]), whole[3:4], atol=1e-6)


REFUSED = [
    ({"dense_embedding": "fourier"}, "dense_embedding: expected none, periodic, piecewise_linear"),
    ({"dense_embedding": {"size": 3}}, "dense_embedding: expected a type"),
    (
        {"dense_embedding": {"type": "periodic", "bins": 3}},
        "periodic: unknown option bins; it has size, frequencies, sigma, lite",
    ),
    ({"dense_embedding": {"type": "periodic", "size": 0}}, "dense_embedding.size: expected an int"),
    ({"dense_embedding": {"type": "periodic", "sigma": 0}}, ".sigma: expected a positive number"),
    ({"dense_embedding": {"type": "periodic", "lite": 1}}, ".lite: expected True or False, found"),
    ({"dense_embedding": {"type": "autodis", "buckets": 1}}, ".buckets: expected an integer of at"),
    (
        {"dense_embedding": {"type": "autodis", "alpha": -1}},
        ".alpha: expected a number of at least",
    ),
    ({"dense_embedding": {"type": "piecewise_linear", "bins": 0}}, ".bins: expected an integer"),
    ({"dense_batch_norm": 1}, "dense_batch_norm: expected True or False, found 1"),
    ({"dense_embedding": "periodic", "dense_bins": 4}, "dense_bins: it excludes dense_embedding;"),
    ({"dense_batch_norm": True, "dense_bins": 4}, "dense_bins: it excludes dense_batch_norm;"),
    (
        {"dense_batch_norm": True, "dense_embedding": "piecewise_linear"},
        "dense_batch_norm: it has no effect on the bins of piecewise_linear",
    ),
    (
        {"dense_embedding": "piecewise_linear", "dense_input_dim": 0},
        "dense_embedding: there are no dense features (dense_input_dim = 0)",
    ),
    ({"dense_batch_norm": True, "dense_input_dim": 0}, "dense_batch_norm: there are no dense feat"),
    (
        {"dense_batch_norm": True, "standardize": False, "dense_input_dim": 6},
        "dense_input_dim: 6 is more than feature_size, 5",
    ),
]


@pytest.mark.parametrize(("settings", "expected"), REFUSED)
def test_what_cannot_be_is_one_line(settings, expected):
    settings = {"feature_size": 5, "dense_input_dim": 2, **settings}
    config = {SECTION + name: value for name, value in settings.items()}
    with pytest.raises(ValueError, match=rf"\A{SECTION}[^\n]*{re.escape(expected)}[^\n]*\Z"):
        inputs_of(config)


def test_a_checkpoint_records_what_differs_from_the_defaults():
    key = f"{SECTION}dense_embedding"
    assert registry.meaning({}) == registry.meaning({key: "none"}) == {"type": "none"}
    written_out = {"type": "periodic", "size": 8, "sigma": 0.1}
    assert registry.meaning({key: written_out}) == {"type": "periodic"}
    assert registry.meaning({key: {"type": "autodis", "size": 3}}) == {"type": "autodis", "size": 3}
