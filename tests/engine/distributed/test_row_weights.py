"""Rows that count for some tasks only: two processes take the steps of one with both batches."""

import numpy as np
import pytest

from engine.distributed.row_shares import RowShares
from engine.graphs.fleet import FleetSession
from engine.model_folder import loading

TASKS = (
    "[{name: click, label_column: 0, loss: LOSS}, "
    "{name: watch, label_column: 1, type: regression, transform: log1p, rows: click, "
    "sample_weight: w}, "
    "{name: stars, label_column: 2, type: multiclass, class_num: 3, class_weights: [1, 2, 3]}]"
)


class Sums:
    """The processes of a run, whose sums are known."""

    def __init__(self, sums):
        self.sums = sums

    def all_reduce(self, arrays):
        return [self.sums]


def rows_with_gaps(rows):
    """Inputs, labels of which some are missing, and weights of which some are 0."""
    random = np.random.default_rng(3)
    click = random.choice([0, 1, -100], [rows, 1])
    watch = np.where(random.random([rows, 1]) < 0.3, np.nan, random.gamma(1, 20, [rows, 1]))
    stars = random.choice([0, 1, 2, -100], [rows, 1])
    weights = random.choice([0.0, 0.5, 3.0], [rows, 1])
    inputs = random.normal(size=[rows, 4])
    columns = inputs, click, watch.astype("float32"), stars, weights
    kinds = "float32", "int64", "float32", "int64", "float32"
    return [column.astype(kind) for column, kind in zip(columns, kinds)]


def loss_and_gradients(model, net, config, batch):
    loss, *_ = model.train_forward(net, [], batch, config)
    loss.backward()
    found = {name: each.grad.numpy() for name, each in net.named_parameters() if each.trainable}
    net.clear_gradients()
    return float(loss), found


@pytest.mark.parametrize("loss", ["cross_entropy", "focal"])
@pytest.mark.parametrize("rows", [16, 13, 9])
def test_losses_and_gradients_are_those_of_one_process(configure, rows, loss):
    """In the last step of 9 rows the first process has a filler, which counts with weight 0."""
    options = ("feature_size=4", "dense_input_dim=4", f"tasks={TASKS.replace('LOSS', loss)}")
    overrides = [f"hyper_parameters.{each}" for each in options]
    config = configure("mmoe", *overrides, "hyper_parameters.gate_num=3")
    model = loading.dygraph_model(config)
    net = model.create_model(config)
    model.create_metrics()
    columns, size, ranks = rows_with_gaps(rows), 4, 2
    whole = model.prepare(net, columns, size * ranks)
    shares = [RowShares(rank, ranks) for rank in range(ranks)]
    parts, counts = [], []
    for share in shares:
        positions, _ = share.positions(rows, size)
        parts.append(model.prepare(net, [column[positions] for column in columns], size))
        counts.append([share.counts(rows, size, step) for step in range(len(whole))])
    counts = np.array(counts, np.float64)
    sums = [model.weight_sums(net, part) * (n[:, :1] > 0) for part, n in zip(parts, counts)]
    weighted = []
    for part, count in zip(parts, counts):
        session = FleetSession.__new__(FleetSession)
        session._contract, session.net, session._world = model, net, Sums(sum(sums))
        weighted.append(session._weighted(part, count))
    assert any(new is not old for new, old in zip(weighted[0], parts[0]))
    for step, batch in enumerate(whole):
        expected, gradients = loss_and_gradients(model, net, config, batch)
        found, total = 0.0, dict.fromkeys(gradients, 0.0)
        for rank in range(ranks):
            own, of_all = counts[rank, step]
            value, mine = loss_and_gradients(model, net, config, weighted[rank][step])
            found += own / of_all * value
            total = {name: total[name] + own / of_all * mine[name] for name in mine}
        assert found == pytest.approx(expected, abs=1e-6)
        for name, gradient in gradients.items():
            np.testing.assert_allclose(total[name], gradient, rtol=0, atol=2e-6, err_msg=name)


def test_weights_stay_as_they_are_where_all_rows_count(configure):
    """The factors are exactly 1 then, also in a step whose rows do not divide evenly."""
    config = configure("mmoe")
    model = loading.dygraph_model(config)
    net = model.create_model(config)
    features = np.ones([7, 499], "float32")
    labels = [np.array([[0], [1]] * 3 + [[1]])] * 2
    part = model.prepare(net, [features[:7], *labels], 4)
    counts = np.array([[4.0, 8.0], [3.0, 7.0]])
    session = FleetSession.__new__(FleetSession)
    session._contract, session.net = model, net
    session._world = Sums(np.array([[8.0, 8.0], [7.0, 7.0]]))
    assert all(new is old for new, old in zip(session._weighted(part, counts), part))
