"""Optimizers by name: the same steps in both graphs, and weight decay by hand."""

import numpy as np
import paddle
import pytest
from paddle import nn

from engine.data import sources
from engine.graphs.dygraph import DygraphSession
from engine.graphs.static import StaticSession
from engine.system.clock import Clock
from models.common.optimizers.optimizers import create_optimizer

NAMES = ["adam", "adamw", "adagrad", "momentum", "sgd"]
KEY = "hyper_parameters.optimizer"


def opened(graph, config):
    return DygraphSession(config) if graph == "dygraph" else StaticSession(config, training=True)


def take(session, source, steps, first=0):
    session.start_epoch(training=True)
    for number, (batch, _) in enumerate(session.batches(source, 0)):
        if first <= number < steps:
            session.train_step(batch, Clock())


def stepped(graph, config, steps=4):
    """Returns the parameters by dygraph's names before and after some steps."""
    source = sources.training_source(config)
    session = opened(graph, config)
    session.fit_inputs(source)
    before = session.evaluation_parameters()
    take(session, source, steps)
    found = [before, session.evaluation_parameters()]
    if graph == "dygraph":
        return found
    reader = DygraphSession(config)
    named = []
    for weights in found:
        reader.load(weights, "rec_static")
        named.append(reader.parameters())
    return named


@pytest.mark.parametrize("decay", [None, 0.3])
@pytest.mark.parametrize("name", NAMES)
def test_both_graphs_take_the_same_steps(name, decay, configure):
    options = [f"{KEY}.class={name}", f"{KEY}.learning_rate=0.02"]
    options += [f"{KEY}.weight_decay={decay}"] if decay else []
    config = configure("mmoe", *options, "runner.train_batch_size=32")
    before, dygraph = stepped("dygraph", config)
    _, static = stepped("static", config)
    assert dygraph.keys() == static.keys()
    for key, value in dygraph.items():
        np.testing.assert_allclose(static[key], value, rtol=2e-3, atol=2e-4, err_msg=key)
    assert max(np.abs(before[key] - value).max() for key, value in dygraph.items()) > 1e-3


@pytest.mark.parametrize("graph", ["dygraph", "static"])
@pytest.mark.parametrize("name", NAMES)
def test_a_resumed_run_takes_them_to_the_last_bit(graph, name, configure):
    decay = f"{KEY}.weight_decay=0.1"
    config = configure("mmoe", f"{KEY}.class={name}", decay, "runner.train_batch_size=32")
    source = sources.training_source(config)
    whole, first, second = (opened(graph, config) for _ in range(3))
    whole.fit_inputs(source)
    first.fit_inputs(source)
    take(whole, source, 4)
    take(first, source, 2)
    second.load_state(first.state())
    take(second, source, 4, first=2)
    found = second.evaluation_parameters()
    for key, value in whole.evaluation_parameters().items():
        np.testing.assert_array_equal(found[key], value, err_msg=key)


def after_a_step(gradient, **options):
    """Returns a parameter that was 2 after a step from some gradient at rate 0.1."""
    layer = nn.Linear(1, 1, weight_attr=nn.initializer.Constant(2.0), bias_attr=False)
    config = {f"{KEY}.learning_rate": 0.1, **{f"{KEY}.{n}": v for n, v in options.items()}}
    optimizer = create_optimizer(config, layer.parameters())
    for _ in range(2):
        (layer(paddle.ones([1, 1])) * gradient).sum().backward()
        optimizer.step()
        optimizer.clear_grad()
    return float(layer.weight.numpy().item())


def test_weight_decay_by_hand():
    assert after_a_step(1.0, **{"class": "sgd"}) == pytest.approx(1.8)
    one = 2 - 0.1 * (1 + 0.5 * 2)
    decayed = after_a_step(1.0, **{"class": "sgd", "weight_decay": 0.5})
    assert decayed == pytest.approx(one - 0.1 * (1 + 0.5 * one))
    # A gradient of 0 leaves Adam's moments 0: what moves the parameter is AdamW's decay alone.
    assert after_a_step(0.0, **{"class": "adamw", "weight_decay": 0.5}) == pytest.approx(
        2 * 0.95**2
    )
    assert after_a_step(0.0, **{"class": "adamw"}) == pytest.approx(2 * 0.999**2)
    assert after_a_step(0.0, **{"class": "adam"}) == 2.0
    assert after_a_step(0.0, **{"class": "adam", "weight_decay": 0.5}) == pytest.approx(
        1.8, abs=1e-3
    )


def test_momentum_by_hand():
    moved = after_a_step(1.0, **{"class": "momentum", "momentum": 0.5})
    assert moved == pytest.approx(2 - 0.1 - 0.1 * 1.5)


@pytest.mark.parametrize("name", ["adam", "adagrad", "sgd"])
def test_weight_decay_is_refused_with_sparse_gradients(name):
    config = {f"{KEY}.class": name, f"{KEY}.weight_decay": 0.1}
    config["hyper_parameters.sparse_fields"] = [{"name": "item", "size": 7}]
    with pytest.raises(ValueError, match=r"optimizer.weight_decay: would change every row"):
        create_optimizer(config, nn.Linear(2, 2).parameters())
    config["hyper_parameters.sparse_gradients"] = False
    create_optimizer(config, nn.Linear(2, 2).parameters())


@pytest.mark.parametrize(
    ("key", "value"),
    [("weight_decay", -0.1), ("weight_decay", True), ("weight_decay", "0.1"), ("momentum", 1)],
)
def test_numbers_out_of_range_are_refused(key, value):
    config = {f"{KEY}.class": "momentum", f"{KEY}.{key}": value}
    with pytest.raises(ValueError, match=rf"optimizer.{key}: expected a number of at least 0"):
        create_optimizer(config, nn.Linear(2, 2).parameters())
