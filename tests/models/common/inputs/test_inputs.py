"""What a net takes, and standardised inputs, against NumPy."""

import numpy as np
import paddle
import pytest

from engine.graphs.dygraph import DygraphSession
from models.common.checks import whole
from models.common.contract.dygraph import MultiTaskDygraphModel
from models.common.contract.net import MultiTaskNet
from models.common.inputs.building import input_specs, inputs_of
from models.common.inputs.scaling import PiecewiseLinear, Standardize


def table(rows=5000):
    rng = np.random.default_rng(0)
    age = rng.integers(0, 91, rows)
    gains = np.where(rng.random(rows) < 0.03, rng.integers(1, 99_999, rows), 0)
    negative = rng.normal(-5.0, 2.0, rows)
    constant = np.full(rows, 94.0)
    one_hot = np.eye(3)[rng.integers(0, 3, rows)]
    dense = np.stack([age, gains, negative, constant], axis=1)
    return np.concatenate([dense, one_hot], axis=1).astype("f4")


def fitted(features, layer=None, block=700):
    blocks = (features[start : start + block] for start in range(0, len(features), block))
    layer = layer or Standardize(features.shape[1], 4)
    for name, value in layer.fit(blocks).items():
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
@pytest.mark.parametrize("made", [Standardize(7, 4), PiecewiseLinear(7, 4, 8)], ids=repr)
def test_the_short_cut_for_blocks_equals_the_layer(made, owner):
    """A block that is a view of a reader's own rows, or of a file's, must stay as it is."""
    rows = table(300)
    layer = fitted(rows, made)
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


def test_they_are_not_trained():
    for layer, names in (
        (Standardize(7, 4), ["deviation", "logarithmic", "mean"]),
        (PiecewiseLinear(7, 4, 8), ["low", "width"]),
    ):
        assert all(parameter.stop_gradient for parameter in layer.parameters())
        assert sorted(layer.state_dict()) == names


# Piecewise linear encoding


def encoded(values, bins, at):
    """One dense column: fitted to the values, then read at some places."""
    layer = fitted(np.array(values, "f4")[:, None], PiecewiseLinear(1, 1, bins))
    return layer(paddle.to_tensor(np.array(at, "f4")[:, None])).numpy()


def test_bins_lie_between_quantiles():
    # Quantiles of 0 to 8 in four parts: 0, 2, 4, 6, 8.
    found = encoded(range(9), 4, [-1, 0, 1, 3, 5.5, 8, 99])
    expected = [
        [0, 0, 0, 0],
        [0, 0, 0, 0],
        [0.5, 0, 0, 0],
        [1, 0.5, 0, 0],
        [1, 1, 0.75, 0],
        [1, 1, 1, 1],
        [1, 1, 1, 1],
    ]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_a_value_of_most_rows_is_an_edge_and_the_quantiles_are_the_others():
    # Without the 90 zeros: 10, 20, .., 100; their quantiles 10, 40, 70 (nearest), 100.
    values = [0] * 90 + list(range(10, 101, 10))
    found = encoded(values, 4, [0, 5, 10, 25, 55, 85])
    expected = [
        [0, 0, 0, 0],
        [0.5, 0, 0, 0],
        [1, 0, 0, 0],
        [1, 0.5, 0, 0],
        [1, 1, 0.5, 0],
        [1, 1, 1, 0.5],
    ]
    np.testing.assert_allclose(found, expected, atol=1e-6)


def test_bins_that_a_column_has_no_values_for_stay_0():
    np.testing.assert_array_equal(encoded([0, 1, 0, 1], 4, [0, 1, 2])[:, 1:], 0)
    np.testing.assert_array_equal(encoded([0, 1, 0, 1], 4, [0, 1, 2])[:, 0], [0, 1, 1])
    np.testing.assert_array_equal(encoded([94] * 5, 4, [0, 94, 1e9]), 0)  # a constant


def test_dense_bins_make_the_net_wider_and_the_rest_pass_unchanged():
    features = table()
    layer = fitted(features, PiecewiseLinear(7, 4, 8))
    found = layer(paddle.to_tensor(features)).numpy()
    assert found.shape == (5000, layer.out_size) == (5000, 4 * 8 + 3)
    assert (found[:, :32].min(), found[:, :32].max()) == (0, 1)
    np.testing.assert_array_equal(found[:, 32:], features[:, 4:])
    made = inputs_of(config(feature_size=20, dense_bins=8))
    assert (made.specs[0].shape[1], made.size) == (20, 11 * 8 + 9)
    made = inputs_of(config(sparse_fields=FIELDS, dense_input_dim=2, dense_bins=5))
    assert made.size == 2 * 5 + 2 * 16


# Dense features, ids, or both

FIELDS = [{"name": "user", "size": 5}, {"name": "seen", "size": 7, "max_len": 3}]
DENSE = np.array([[1.0, 2.0], [3.0, 6.0], [5.0, 10.0]], "f4")  # means 3 and 6
IDS = np.array([[1, 2, 3, 0], [4, 6, 0, 0], [9, 0, 0, -1]])  # the last row's are out of range
FORMS = {
    "dense": ({"feature_size": 2, "dense_input_dim": 2}, ["input"], 2),
    "sparse": ({"sparse_fields": FIELDS}, ["sparse"], 2 * 16),
    "mixed": ({"sparse_fields": FIELDS, "dense_input_dim": 2}, ["dense", "sparse"], 2 + 2 * 16),
}


def config(**hyper):
    return {f"hyper_parameters.{name}": value for name, value in hyper.items()}


def fed(names):
    """What a reader yields for the inputs of the given names."""
    return [IDS if name == "sparse" else DENSE for name in names]


@pytest.mark.parametrize("form", FORMS)
def test_the_inputs_are_those_of_the_configuration(form):
    hyper, names, size = FORMS[form]
    specs = input_specs(config(**hyper))
    assert [spec.name for spec in specs] == names
    kinds = {"sparse": ("int64", (-1, 4)), "dense": ("float32", (-1, 2))}
    for spec in specs:
        dtype, shape = kinds["sparse" if spec.name == "sparse" else "dense"]
        assert str(spec.dtype).endswith(dtype)
        assert tuple(-1 if n is None else n for n in spec.shape) == shape
    made = inputs_of(config(**hyper))
    assert made.size == size
    assert made(*map(paddle.to_tensor, fed(names))).shape == [3, size]


@pytest.mark.parametrize("form", FORMS)
def test_scaled_numbers_stand_before_the_embeddings(form):
    hyper, names, _ = FORMS[form]
    made = inputs_of(config(**hyper))
    parts = []
    if form != "sparse":
        for name, value in made.scale.fit([DENSE]).items():
            getattr(made.scale, name).set_value(value)
        deviation = np.sqrt(8 / 3)  # of 1, 3, 5; the second column is twice the first
        parts.append(np.outer([-2, 0, 2], [1, 1]) / deviation)
    if form != "dense":
        table = made.embedding.table.weight.numpy()
        users, seen = table[:5], table[5:]
        rows = [
            [users[1], (seen[2] + seen[3]) / 2],
            [users[4], seen[6]],
            [users[0], np.zeros(16)],  # unknown, and no id at all
        ]
        parts.append(np.stack([np.concatenate(row) for row in rows]))
    found = made(*map(paddle.to_tensor, fed(names))).numpy()
    np.testing.assert_allclose(found, np.concatenate(parts, axis=1), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("form", FORMS)
def test_the_short_cut_of_training_equals_the_net_of_a_deployment(form):
    """Blocks scaled beforehand and joined later, against `forward`, for ids that are in range."""
    hyper, names, _ = FORMS[form]
    made = inputs_of(config(**hyper))
    columns = [np.where(IDS < 0, 0, IDS % 5) if name == "sparse" else DENSE for name in names]
    expected = made(*map(paddle.to_tensor, columns)).numpy()
    found = made.joined([paddle.to_tensor(column) for column in made.scaled(columns)])
    np.testing.assert_array_equal(found.numpy(), expected)


def test_fields_have_no_dense_numbers_beside_them_unless_it_is_said():
    made = inputs_of(config(sparse_fields=FIELDS, embedding_size=4))
    assert made.scale is None
    assert made.size == 2 * 4
    assert inputs_of(config(feature_size=20)).scale.mean.shape == [11]


class OneLogit(MultiTaskNet):
    def __init__(self, feature_size=499, task_num=2):
        super().__init__(task_num)
        self.size = whole("feature_size", feature_size)


class Model(MultiTaskDygraphModel):
    net_class = OneLogit


@pytest.mark.parametrize("form", FORMS)
def test_a_net_is_made_for_as_many_features_as_the_inputs_give(form):
    hyper, _, size = FORMS[form]
    assert Model().create_model(config(**hyper)).size == size
    assert Model().create_model(config(**{**hyper, "feature_size": size})).size == size


def test_every_model_takes_numbers_beside_sparse_fields(folder, configure):
    fields = "[{name: user, size: 5}, {name: seen, size: 7, max_len: 3}]"
    options = [f"sparse_fields={fields}", "dense_input_dim=2", "feature_size=34"]
    options.append("embedding_size=16")
    options.append("image_size=0")  # of DSelect-k's YAML
    session = DygraphSession(configure(folder, *(f"hyper_parameters.{text}" for text in options)))
    outputs = session.net(*map(paddle.to_tensor, fed(["dense", "sparse"])))
    assert [output.shape for output in outputs] == [[3, head.size] for head in session.net.heads]
    sum(output[:, 0].sum() for output in outputs).backward()
    assert not session.net.inputs.embedding.table.weight.grad.is_dense()


def test_a_feature_size_that_contradicts_the_fields_is_named():
    wrong = config(sparse_fields=FIELDS, dense_input_dim=2, feature_size=499)
    problem = "hyper_parameters.feature_size: the inputs give 34 features, found 499"
    with pytest.raises(ValueError, match=problem):
        Model().create_model(wrong)


@pytest.mark.parametrize(
    ("hyper", "problem"),
    [
        ({"embedding_size": 0}, "embedding_size: expected an integer of at least 1, found 0"),
        ({"sparse_gradients": 1}, "sparse_gradients: expected True or False, found 1"),
        ({"dense_input_dim": -1}, "dense_input_dim: expected an integer of at least 0"),
        ({"dense_bins": -1}, "dense_bins: expected an integer of at least 0, found -1"),
        ({"standardize": "yes"}, "standardize: expected True or False, found 'yes'"),
    ],
)
def test_a_bad_key_of_the_inputs_is_named(hyper, problem):
    with pytest.raises(ValueError, match=f"hyper_parameters.{problem}"):
        inputs_of(config(sparse_fields=FIELDS, **hyper))


@pytest.mark.parametrize(
    ("hyper", "problem"),
    [
        ({"embedding_size": 8}, "embedding_size: it has no effect without sparse_fields"),
        ({"sparse_gradients": False}, "sparse_gradients: it has no effect without sparse_fields"),
        ({"hash_ids": True}, "hash_ids: it has no effect without sparse_fields"),
        ({"dense_bins": 4, "dense_input_dim": 0}, "dense_bins: there are no dense features"),
        ({"table.missing": ["-"]}, "table.missing: the reader rows reads no table"),
        ({"optimizer.momentum": 0.5}, "optimizer.momentum: class = adam does not use it"),
        ({"optimizer.clip_grad_norm": False}, "optimizer.clip_grad_norm: expected a positive numb"),
        ({"optimizer.clip_grad_norm": []}, "optimizer.clip_grad_norm: expected a positive number"),
    ],
)
def test_a_hyper_parameter_without_effect_is_refused(hyper, problem):
    values = {**config(**hyper), "runner.train_reader_path": "rows"}
    model = Model()
    with pytest.raises(ValueError, match=f"hyper_parameters.{problem}"):
        model.create_optimizer(model.create_model(values), values)


def test_a_hyper_parameter_with_its_default_is_not_refused():
    values = config(**{"embedding_size": 16, "optimizer.momentum": 0.9})
    model = Model()
    assert model.create_optimizer(model.create_model(values), values)


class Needy(MultiTaskNet):
    def __init__(self, feature_size, window, task_num=2):
        super().__init__(task_num)


class NeedyModel(MultiTaskDygraphModel):
    net_class = Needy


def test_a_hyper_parameter_that_the_net_needs_is_named():
    assert NeedyModel().create_model(config(window=3))
    problem = "hyper_parameters.window: it is not set, and the net has no default"
    with pytest.raises(ValueError, match=problem):
        NeedyModel().create_model(config())


def test_images_are_known_by_their_shape():
    found = inputs_of(config(image_size=28))
    assert found.are_images
    assert found.size == (1, 28, 28)
    assert not inputs_of(config(feature_size=9, dense_input_dim=0)).are_images


@pytest.mark.parametrize(
    ("key", "value"), [("feature_size", 9), ("sparse_fields", FIELDS), ("standardize", True)]
)
def test_images_come_alone(key, value):
    problem = f"hyper_parameters.image_size: the inputs are images, so {key} must not be set"
    with pytest.raises(ValueError, match=problem):
        input_specs(config(image_size=36, **{key: value}))
