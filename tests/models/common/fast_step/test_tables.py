"""The written look-up: gradients of a table by row, against NumPy, autograd and Adam's formula."""

import numpy as np
import paddle
import pytest
from test_step_code import arrays, gradients, needs_kernels

from engine.data import encoding, sources
from engine.graphs.dygraph import DygraphSession
from engine.system.clock import Clock
from models.common.fast_step.tables import SparseGradient
from models.common.optimizers.fused_adam import FusedAdam

OPTIMIZER = "hyper_parameters.optimizer"
OPTIMIZERS = {
    "adam": (),
    "sgd": (f"{OPTIMIZER}.class=sgd", f"{OPTIMIZER}.learning_rate=0.5"),
    "adagrad": (f"{OPTIMIZER}.class=adagrad",),
    "clipped": (f"{OPTIMIZER}.clip_grad_norm=0.01",),
    "dense": ("hyper_parameters.sparse_gradients=False",),
    "ids alone": ("hyper_parameters.table.dense=[]",),
}


def summed(gradient, rows, size):
    """A gradient's numbers by row of the table; rows that are named twice add up."""
    if rows is None:
        return gradient
    total = np.zeros((size, gradient.shape[1]))
    np.add.at(total, rows, gradient)
    return total


@pytest.mark.parametrize("rows", [[5], [3, 3, 3], [9, 0, 9, 4, 0], "random"])
def test_distinct_rows_are_those_of_numpy(rows):
    draw = np.random.default_rng(1)
    batches = [np.array(rows)] if rows != "random" else [draw.integers(0, 50, 80) for _ in range(5)]
    gradient = SparseGradient(paddle.zeros([50, 1]))
    for batch in batches:  # the scratch memory is that of the batch before
        numbers, places = gradient.distinct(batch)
        expected, inverse = np.unique(batch, return_inverse=True)
        np.testing.assert_array_equal(numbers, expected)
        np.testing.assert_array_equal(places, inverse)


@needs_kernels
def test_the_gradient_names_each_row_once_and_adam_moves_only_these():
    draw = np.random.default_rng(2)
    start = draw.normal(size=(30, 4)).astype("float32")
    table = paddle.base.framework.EagerParamBase.from_tensor(paddle.to_tensor(start))
    optimizer = FusedAdam(0.1, parameters=[table], lazy_mode=True)
    value, first, second = start.astype("float64"), np.zeros((30, 4)), np.zeros((30, 4))
    of_table = SparseGradient(table)
    for step in range(1, 5):
        rows = draw.integers(0, 12, (7, 3))
        slopes = draw.normal(size=(7, 3, 4)).astype("float32")
        table._set_grad_ivar(of_table(paddle.to_tensor(rows), table, paddle.to_tensor(slopes)))
        numbers, named = arrays(table.grad)
        assert named == sorted(set(rows.ravel()))
        total = summed(slopes.reshape(-1, 4), rows.ravel(), 30)
        np.testing.assert_allclose(numbers, total[named], rtol=1e-5, atol=1e-6)
        optimizer.step()
        optimizer.clear_grad()
        # Kingma and Ba, algorithm 1, for the rows that were looked up. Paddle's kernel for sparse
        # gradients corrects the bias as if it were one step further.
        first[named] = 0.9 * first[named] + 0.1 * total[named]
        second[named] = 0.999 * second[named] + 0.001 * total[named] ** 2
        rate = 0.1 * np.sqrt(1 - 0.999 ** (step + 1)) / (1 - 0.9 ** (step + 1))
        value[named] -= rate * first[named] / (np.sqrt(second[named]) + 1e-8)
        np.testing.assert_allclose(table.numpy(), value, rtol=1e-4, atol=1e-5)
    np.testing.assert_array_equal(table.numpy()[12:], start[12:])


@pytest.fixture
def table_config(configure, tmp_path):
    """Configurations for a table of 60 rows with numbers, ids and lists of ids."""
    draw = np.random.default_rng(3)
    lines = ["click,like,age,duration,device,city,user_id,tags"]
    for _ in range(60):
        tags = "|".join(draw.choice(["a", "b", "c", "d"], draw.integers(0, 4)))
        click, like, device, city, user = draw.integers([2, 2, 3, 4, 40])
        age, duration = draw.normal(size=2)
        lines.append(f"{click},{like},{age},{duration},d{device},c{city},u{user},{tags}")
    (tmp_path / "rows").mkdir()
    (tmp_path / "rows" / "rows.csv").write_text("\n".join(lines) + "\n")

    def make(*options):
        data = f"runner.train_data_dir={tmp_path / 'rows'}"
        yaml = "config_table.yaml"
        return configure("mmoe", data, "runner.train_batch_size=16", *options, yaml=yaml)

    return make


def opened(config):
    source = sources.training_source(config)
    session = DygraphSession(config)
    session.fit_inputs(source)
    session.start_epoch(training=True)
    return session, [batch for batch, _ in session.batches(source, 0)]


@needs_kernels
@pytest.mark.parametrize("options", OPTIMIZERS.values(), ids=OPTIMIZERS)
def test_a_table_trains_as_under_autograd(options, table_config):
    config = encoding.complete_config(table_config(*options), None)
    session, batches = opened(config)
    _, _, written = gradients(session, batches[0])
    assert session._contract._step_of(session.net) is not None
    autograd, its_batches = opened(config.completed({"runner.fast_step": False}))
    _, _, expected = gradients(autograd, its_batches[0])
    size = session.net.inputs.embedding.table.weight.shape[0]
    assert written.keys() == expected.keys()
    for name, (gradient, rows) in expected.items():
        found, named = written[name]
        assert named == (None if rows is None else sorted(set(rows)))
        found, gradient = summed(found, named, size), summed(gradient, rows, size)
        scale = np.abs(gradient).max()
        np.testing.assert_allclose(found, gradient, rtol=1e-4, atol=1e-5 * scale, err_msg=name)
    for batch, its_batch in zip(batches * 3, its_batches * 3):
        session.train_step(batch, Clock())
        autograd.train_step(its_batch, Clock())
    trained = session.parameters()
    for name, value in autograd.parameters().items():
        np.testing.assert_allclose(trained[name], value, rtol=1e-3, atol=1e-4, err_msg=name)
