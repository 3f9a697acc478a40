"""Gradients clipped by the norm of all of them together, in both graphs."""

import numpy as np
import paddle
import pytest

from engine.data import sources
from engine.graphs.dygraph import DygraphSession
from engine.graphs.static import StaticSession
from engine.system.clock import Clock
from models.common.optimizers.optimizers import create_optimizer

GRAPHS = {"dygraph": DygraphSession, "static": lambda config: StaticSession(config, training=True)}
NORM = "hyper_parameters.optimizer.clip_grad_norm"


def steps(configure, graph, folder, count, *overrides):
    """The parameters before and after some steps, by the names that both graphs share."""
    config = configure(folder, "runner.train_batch_size=16", *overrides)
    session, source = GRAPHS[graph](config), sources.training_source(config)
    session.start_epoch(training=True)
    before = parameters(session, graph)
    batches = session.batches(source, 0)
    for _ in range(count):
        session.train_step(next(batches)[0], Clock())
    return before, parameters(session, graph)


def parameters(session, graph):
    found = session.parameters()
    if graph == "dygraph":
        return {name: value.copy() for name, value in found.items()}
    return {name: found[variable] for name, variable in session._variable_names("rec").items()}


def norm(arrays):
    return np.sqrt(sum((np.asarray(array, np.float64) ** 2).sum() for array in arrays))


@pytest.mark.parametrize("graph", GRAPHS)
@pytest.mark.parametrize("folder", ["mmoe", "esmm"])
def test_a_step_of_sgd_is_as_long_as_the_norm_allows(configure, graph, folder):
    """With learning rate 1 the step is the gradient; esmm's embeddings have sparse ones."""
    sgd = ["hyper_parameters.optimizer.class=sgd", "hyper_parameters.optimizer.learning_rate=1.0"]

    def step(limit):
        before, after = steps(configure, graph, folder, 1, *sgd, f"{NORM}={limit}")
        return {name: after[name].astype(np.float64) - before[name] for name in before}

    free = step(0)
    length = norm(free.values())
    clipped = step(length / 8)
    np.testing.assert_allclose(norm(clipped.values()), length / 8, rtol=1e-4)
    for name, move in free.items():
        np.testing.assert_allclose(clipped[name], move / 8, atol=2e-6, err_msg=name)
    loose = step(length * 2)
    for name, move in free.items():
        np.testing.assert_allclose(loose[name], move, atol=1e-7, err_msg=name)


def test_a_step_leaves_rows_that_were_not_looked_up(configure):
    before, after = steps(configure, "dygraph", "esmm", 1, f"{NORM}=0.01")
    tables = [name for name in before if "embedding" in name]
    changed = sum(int((after[name] != before[name]).any(axis=1).sum()) for name in tables)
    rows = sum(len(before[name]) for name in tables)
    assert 0 < changed < rows / 2


@pytest.mark.parametrize("folder", ["mmoe", "esmm"])
def test_adam_takes_the_same_steps_in_both_graphs(configure, folder):
    options = [f"{NORM}=0.05"]
    if folder == "esmm":
        options.append("hyper_parameters.sparse_gradients=False")
    _, dygraph = steps(configure, "dygraph", folder, 3, *options)
    _, static = steps(configure, "static", folder, 3, *options)
    _, free = steps(configure, "dygraph", folder, 3, *options[1:])
    assert dygraph.keys() == static.keys()
    for name, value in dygraph.items():
        np.testing.assert_allclose(static[name], value, rtol=2e-4, atol=2e-5, err_msg=name)
    assert max(np.abs(free[name] - value).max() for name, value in dygraph.items()) > 1e-5


@pytest.mark.parametrize("folder", ["mmoe", "esmm"])
def test_a_clipped_run_goes_on_to_the_last_bit(configure, folder):
    def run(*sections):
        config = configure(folder, "runner.train_batch_size=16", f"{NORM}=0.05")
        source, state, done = sources.training_source(config), None, 0
        for count in sections:
            session = DygraphSession(config)
            session.start_epoch(training=True)
            if state:
                session.load_state(state)
            for number, (batch, _) in enumerate(session.batches(source, 0)):
                if done <= number < done + count:
                    session.train_step(batch, Clock())
            done += count
            found = session.state()
            state = {
                part: {
                    name: value.numpy().copy() if isinstance(value, paddle.Tensor) else value
                    for name, value in content.items()
                }
                for part, content in found.items()
            }
        return state

    whole, parts = run(4), run(2, 2)
    for part, content in whole.items():
        assert content.keys() == parts[part].keys()
        for name, value in content.items():
            np.testing.assert_array_equal(value, parts[part][name], err_msg=name)


@pytest.mark.parametrize("norm", [-1, "1", True, float("nan"), float("inf"), [1]])
def test_a_norm_that_is_none_is_refused(norm):
    with pytest.raises(ValueError, match=r"optimizer.clip_grad_norm: expected a positive number"):
        create_optimizer({NORM: norm}, [paddle.create_parameter([1], "float32")])


@pytest.mark.parametrize("norm", [None, 0, 0.0])
def test_no_norm_is_no_clipping(norm):
    made = create_optimizer({NORM: norm}, [paddle.create_parameter([1], "float32")])
    assert made._grad_clip is None
