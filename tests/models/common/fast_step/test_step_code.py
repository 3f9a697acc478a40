"""The written training step does what autograd's does."""

import logging

import numpy as np
import paddle
import pytest
from paddle import nn
from replaced_net import replace_net

from engine.data import sources
from engine.graphs.dygraph import DygraphSession
from engine.system.clock import Clock
from models.common.contract.net import MultiTaskNet
from models.common.fast_step import code
from models.common.layers import ops
from models.common.layers.dense import Linear

needs_kernels = pytest.mark.skipif(
    not code.AVAILABLE, reason="this Paddle shows no gradient kernels"
)

NETS = [
    ("share_bottom", ()),
    ("share_bottom", ("bottom_size=[20, 10]", "tower_size=[6, 4]", "dropout=0.3")),
    ("share_bottom", ("tower_size=[]",)),
    ("mmoe", ()),
    ("mmoe", ("expert_size=[12, 6]", "gate_size=[5, 4]", "tower_size=[]", "dropout=0.5")),
    ("mmoe", ("expert_num=1", "expert_size=3")),
    ("ple", ()),
    ("ple", ("level_number=3", "shared_num=0", "exp_per_task=1")),
    ("ple", ("level_number=2", "shared_num=2", "gate_size=[6]", "dropout=0.2")),
    ("ple", ("level_number=2", "expert_size=[8, 4]", "exp_per_task=2")),
    ("esmm", ()),
    ("esmm", ("sparse_gradients=False", "dropout=0.1", "ctr_tower_size=[]")),
]


def opened(folder, configure, options=()):
    config = configure(folder, *(f"hyper_parameters.{option}" for option in options))
    session = DygraphSession(config)
    source = sources.training_source(config)
    session.fit_inputs(source)
    session.start_epoch(training=True)
    return session, next(session.batches(source, 0))[0]


def arrays(gradient):
    """A gradient's numbers, and the rows they are of if it is sparse."""
    if gradient.is_dense():
        return gradient.numpy(), None
    sparse = gradient.get_selected_rows()
    return np.array(sparse.get_tensor()), list(sparse.rows())


def gradients(session, batch, seed=7):
    """The loss, the logits counted, and the gradients by the parameters' names."""
    model, net = session._contract, session.net
    paddle.seed(seed)
    loss, _, shown = model.step_forward(net, None, batch, None)
    loss.backward()
    assert float(shown["loss"]) == loss.item()
    found = {}
    for name, parameter in net.named_parameters():
        if parameter.grad is not None:
            found[name] = arrays(parameter.grad)
    net.clear_gradients()
    return loss.item(), model._scores._streams[0]._pending[-1][0].numpy(), found


@needs_kernels
@pytest.mark.parametrize(("folder", "options"), NETS)
def test_gradients_are_those_of_autograd(folder, options, configure, monkeypatch):
    session, batch = opened(folder, configure, options)
    loss, logits, written = gradients(session, batch)
    assert session._contract._step_of(session.net) is not None
    session._contract._fast = False  # runner.fast_step: False
    expected_loss, expected_logits, expected = gradients(session, batch)
    assert session._contract._step_of(session.net) is None
    assert loss == pytest.approx(expected_loss, rel=1e-6)
    np.testing.assert_allclose(logits, expected_logits, rtol=1e-5, atol=1e-6)
    assert written.keys() == expected.keys()
    trained = [name for name, p in session.net.named_parameters() if not p.stop_gradient]
    assert set(trained) == set(expected)
    for name, (gradient, rows) in expected.items():
        found, found_rows = written[name]
        if rows is not None:  # the written gradient names each row once
            assert found_rows == sorted(set(rows))
            gradient = np.stack([gradient[np.array(rows) == row].sum(axis=0) for row in found_rows])
        scale = np.abs(gradient).max()
        np.testing.assert_allclose(found, gradient, rtol=1e-4, atol=1e-5 * scale + 1e-12)


class Custom(MultiTaskNet):
    """Takes a function that is not among the operators."""

    def __init__(self, feature_size: int = 499, composed: bool = False, task_num: int = 2):
        super().__init__(task_num)
        self._composed = composed
        self.hidden = Linear(feature_size, 6)
        self.outputs = nn.LayerList([Linear(6, 2) for _ in range(task_num)])

    def logits(self, features):
        x = self.hidden(features)
        gelu = paddle.nn.functional.gelu
        x = ops.composite(gelu, x) if self._composed else gelu(x)
        parts = [ops.reshape(layer(x), [1, -1, 2]) for layer in self.outputs]
        return ops.concat(parts, axis=0)


@pytest.mark.parametrize("composed", [False, True])
def test_other_functions_are_left_to_autograd(composed, configure, caplog, monkeypatch):
    replace_net(configure, monkeypatch, Custom)
    options = [f"hyper_parameters.composed={composed}", "runner.train_batch_size=50"]
    config = configure("mmoe", *options)
    with caplog.at_level(logging.INFO):
        session = DygraphSession(config)
        source = sources.training_source(config)
        session.fit_inputs(source)
        session.start_epoch(training=True)
        losses = [
            float(session.train_step(batch, Clock())["loss"])
            for epoch in range(20)
            for batch, _ in session.batches(source, epoch)
        ]
    written = session._contract._step_of(session.net) is not None
    assert written == (composed and code.AVAILABLE)
    told = "Custom: no fast step, gradients by autograd" in caplog.text
    assert told != written
    assert np.mean(losses[-5:]) < 0.8 * np.mean(losses[:5])


@needs_kernels
def test_the_step_ends_without_leaving_tensors_to_the_collector(configure):
    import gc

    session, batch = opened("mmoe", configure)
    for _ in range(3):
        session.train_step(batch, Clock())
    gc.collect()
    gc.disable()
    try:
        for _ in range(3):
            session.train_step(batch, Clock())
        assert gc.collect() == 0
    finally:
        gc.enable()
