"""A net's own loss: both graphs and the fast step train on it.

The net is a chain of two tasks with a constraint on their order, of the kind of AITM (Xi et al.
2021): the second task's tower reads the first one's, and where its probability exceeds the first
one's, the loss grows.
"""

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from replaced_net import replace_net

from engine.data import sources
from engine.graphs.dygraph import DygraphSession
from engine.graphs.static import StaticSession
from engine.system.clock import Clock
from engine.system.errors import UserError
from models.common.contract.net import MultiTaskNet
from models.common.fast_step import code
from models.common.layers import ops
from models.common.layers.dense import Linear, StackedLinear, mlp


class Chain(MultiTaskNet):
    """Two bottoms; the second task mixes its own features with those that the first passes on.

    With q the bottoms' outputs, p = ReLU(q_1 W_info) and U = stack(q_2, p), the second task reads
    sum_j a_j U_j W_V with a = softmax(<U_j W_Q, U_j W_K> / sqrt(k)).
    """

    def __init__(
        self, feature_size: int, task_num: int = 2, size: int = 6, constraint_weight: float = 0.6
    ):
        super().__init__(task_num)
        self.constraint_weight, self.size = constraint_weight, size
        self.bottoms = [mlp(feature_size, [size]) for _ in range(task_num)]
        for number, bottom in enumerate(self.bottoms):
            self.add_sublayer(f"bottom_{number}", bottom)
        self.info = Linear(size, size)
        self.query, self.key, self.value = (self.create_parameter([size, size]) for _ in range(3))
        self.output = StackedLinear(task_num, size, 2)

    def logits(self, features):
        first, second = (bottom(features) for bottom in self.bottoms)
        pair = ops.stack([second, ops.relu(self.info(first))], 1)  # [batch, 2, size]
        products = ops.multiply(ops.linear(pair, self.query), ops.linear(pair, self.key))
        scores = ops.softmax(ops.scale(ops.sum(products, 2), self.size**-0.5))  # [batch, 2]
        weighted = ops.multiply(ops.linear(pair, self.value), ops.reshape(scores, [-1, 2, 1]))
        return self.output(ops.stack([first, ops.sum(weighted, 1)]))

    def loss(self, logits, labels, weights):
        parent, child = (F.softmax(logits)[task, :, 1] for task in range(2))
        return super().loss(logits, labels, weights) + self.constraint_weight * self.excess(
            parent, child
        )

    def excess(self, parent, child):
        return F.relu(child - parent).mean()


@pytest.fixture
def chain(configure, monkeypatch):
    def make(*options):
        replace_net(configure, monkeypatch, Chain)
        return configure("mmoe", "hyper_parameters.optimizer.learning_rate=0.01", *options)

    return make


def train(session, config, steps=12):
    source = sources.training_source(config)
    session.start_epoch(training=True)
    losses = []
    for epoch in range(2):
        for batch, _ in session.batches(source, epoch):
            losses.append(float(np.asarray(session.train_step(batch, Clock())["loss"]).item()))
            if len(losses) == steps:
                return losses
    return losses


def test_the_constraint_by_hand():
    """Parents (.3, .2, .6), children (.4, .1, .5): the mean excess is .1 / 3."""
    net = Chain(3)
    excess = net.excess(paddle.to_tensor([0.3, 0.2, 0.6]), paddle.to_tensor([0.4, 0.1, 0.5]))
    assert excess.item() == pytest.approx(0.1 / 3, abs=1e-7)
    logits = paddle.to_tensor(np.random.default_rng(0).normal(size=(2, 5, 2)).astype("float32"))
    labels = paddle.to_tensor([[[0], [1], [1], [0], [1]], [[0], [0], [1], [-100], [1]]])
    weights = paddle.full([2, 5, 1], 0.2)
    plain = MultiTaskNet.loss(net, logits, labels, weights).item()
    values = logits.numpy().astype("float64")
    chances = np.exp(values[..., 1]) / np.exp(values).sum(-1)
    expected = plain + 0.6 * np.maximum(chances[1] - chances[0], 0).mean()
    assert net.loss(logits, labels, weights).item() == pytest.approx(expected, abs=1e-6)


def test_both_graphs_and_the_fast_step_train_on_it(chain):
    config, slow = chain(), chain("runner.fast_step=False")
    fast = DygraphSession(config)
    fast.fit_inputs(sources.training_source(config))
    first = {name: np.array(value) for name, value in fast.parameters().items()}
    losses = train(fast, config)
    assert (fast._contract._step_of(fast.net) is not None) == code.AVAILABLE
    by_autograd = DygraphSession(slow)
    by_autograd.load(first, "rec")
    np.testing.assert_allclose(train(by_autograd, slow), losses, rtol=1e-5)
    assert by_autograd._contract._step_of(by_autograd.net) is None
    static = StaticSession(config, training=True)
    static.load(first, "rec")
    np.testing.assert_allclose(train(static, config), losses, rtol=2e-4)
    for name, value in fast.parameters().items():
        other = by_autograd.parameters()[name]
        np.testing.assert_allclose(other, value, rtol=1e-4, atol=2e-5, err_msg=name)


OWN_LOSSES = {  # forms whose value depends on the shape of the weights
    "mean by weights": lambda self, logits, labels, weights: (
        (self.row_losses(logits, labels) * weights).sum() / weights.sum()
    ),
    "weights of tasks": lambda self, logits, labels, weights: (
        self.row_losses(logits, labels).mean(axis=1) * weights.sum(axis=1)
    ).sum(),
    "flat": lambda self, logits, labels, weights: (
        self.row_losses(logits, labels).reshape([-1]) * weights.reshape([-1])
    ).sum(),
}


@pytest.mark.parametrize("form", OWN_LOSSES)
def test_weights_are_one_for_each_row_in_both_graphs(chain, monkeypatch, form):
    config, slow = chain(), chain("runner.fast_step=False")
    monkeypatch.setattr(Chain, "loss", OWN_LOSSES[form])
    fast = DygraphSession(config)
    fast.fit_inputs(sources.training_source(config))
    first = {name: np.array(value) for name, value in fast.parameters().items()}
    found = [train(fast, config, steps=4)]
    for create in (lambda: DygraphSession(slow), lambda: StaticSession(config, training=True)):
        session = create()
        session.load(first, "rec")
        found.append(train(session, config, steps=4))
    np.testing.assert_allclose(found[1], found[0], rtol=1e-5)
    np.testing.assert_allclose(found[2], found[0], rtol=2e-4)


@pytest.mark.parametrize("graph", ["fast", "autograd", "static"])
def test_a_loss_of_several_numbers_is_one_line(chain, monkeypatch, graph):
    config = chain(f"runner.fast_step={graph == 'fast'}")
    by_task = lambda self, logits, labels, weights: weights.sum(axis=[1, 2])  # noqa: E731
    monkeypatch.setattr(Chain, "loss", by_task)
    problem = r"Chain\.loss: expected one number, found shape \[2\]; add \.sum\(\)"
    if graph == "static":
        start = lambda: StaticSession(config, training=True)  # noqa: E731
    else:
        start = lambda: train(DygraphSession(config), config)  # noqa: E731
    with pytest.raises(UserError, match=problem):
        start()


@pytest.mark.parametrize("fast", [True, False])
def test_a_loss_may_change_its_logits_in_place(chain, monkeypatch, fast):
    def loss(self, logits, labels, weights):
        logits = logits * 1 if not fast else logits
        logits[0] = 0.0
        return MultiTaskNet.loss(self, logits, labels, weights)

    monkeypatch.setattr(Chain, "loss", loss)
    config = chain(f"runner.fast_step={fast}")
    session = DygraphSession(config)
    losses = train(session, config, steps=3)
    assert np.isfinite(losses).all()
    assert losses[0] > np.log(2) * 0.99  # the first task's rows have even odds


def test_the_constraint_changes_the_steps(chain, monkeypatch):
    config, found = chain(), []
    for excess in (Chain.excess, lambda self, parent, child: 0.0 * child.mean()):
        monkeypatch.setattr(Chain, "excess", excess)
        session = DygraphSession(config)
        session.fit_inputs(sources.training_source(config))
        train(session, config)
        found.append(session.parameters()["output.weight"])
    assert np.abs(found[0] - found[1]).max() > 1e-4
