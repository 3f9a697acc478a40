"""The fused optimizer step against Paddle's own."""

import numpy as np
import paddle
import pytest
from paddle import nn
from paddle.utils import unique_name

from models.common.optimizers.fused_adam import FusedAdam
from models.common.optimizers.optimizers import create_optimizer

STEPS = 30


class Net(nn.Layer):
    def __init__(self, sparse=False):
        super().__init__()
        self.table = nn.Embedding(20, 6, sparse=sparse)
        self.first = nn.Linear(6, 5)
        self.second = nn.Linear(5, 1)
        self.second.bias.stop_gradient = True

    def forward(self, ids, use_second=True):
        hidden = self.first(self.table(ids))
        return self.second(hidden) if use_second else hidden


def trained(
    optimizer_class,
    steps=STEPS,
    use_second=lambda step: True,
    sparse=False,
    before_step=None,
    **options,
):
    """Returns the parameters after some steps from one start, and the optimizer's state."""
    paddle.seed(5)
    rng = np.random.default_rng(5)
    with unique_name.guard():
        net = Net(sparse)
        optimizer = optimizer_class(parameters=net.parameters(), **options)
        for step in range(steps):
            ids = paddle.to_tensor(rng.integers(0, 10, 7))
            if before_step:
                before_step(net, step)
            (net(ids, use_second(step)) ** 2).sum().backward()
            optimizer.step()
            optimizer.clear_grad(set_to_zero=False)
            if isinstance(optimizer._learning_rate, paddle.optimizer.lr.LRScheduler):
                optimizer._learning_rate.step()
    state = {
        name: np.asarray(value)
        for name, value in optimizer.state_dict().items()
        if name not in ("LR_Scheduler", "master_weights")
    }
    return {**{name: value.numpy() for name, value in net.state_dict().items()}, **state}


OPTIONS = {
    "a number": {"learning_rate": 0.01},
    "other constants": {"learning_rate": 0.01, "beta1": 0.8, "beta2": 0.99, "epsilon": 1e-4},
    "weight decay": {"learning_rate": 0.01, "weight_decay": 0.1},
    "clipping": {"learning_rate": 0.01, "grad_clip": nn.ClipGradByGlobalNorm(0.1)},
    "lazy": {"learning_rate": 0.01, "lazy_mode": True, "sparse": True},
}


@pytest.mark.parametrize("name", OPTIONS)
def test_it_takes_the_steps_of_paddles_adam(name):
    ours, paddles = (trained(cls, **OPTIONS[name]) for cls in (FusedAdam, paddle.optimizer.Adam))
    assert ours.keys() == paddles.keys()
    for key, value in paddles.items():
        np.testing.assert_allclose(ours[key], value, rtol=1e-4, atol=1e-7, err_msg=key)


def test_it_follows_a_scheduler():
    ours, paddles = (
        trained(cls, learning_rate=paddle.optimizer.lr.StepDecay(0.1, 4))
        for cls in (FusedAdam, paddle.optimizer.Adam)
    )
    np.testing.assert_allclose(ours["first.weight"], paddles["first.weight"], rtol=1e-4)


def test_a_parameter_without_a_gradient_rests():
    ours, paddles = (
        trained(cls, learning_rate=0.01, use_second=lambda step: step % 3 == 0)
        for cls in (FusedAdam, paddle.optimizer.Adam)
    )
    for key, value in paddles.items():
        np.testing.assert_allclose(ours[key], value, rtol=1e-4, atol=1e-7, err_msg=key)


@pytest.mark.parametrize("parameter", ["first.weight", "second.bias"])
def test_a_parameter_is_frozen_and_trained_again(parameter):
    def choose(net, step):
        dict(net.named_parameters())[parameter].stop_gradient = step % 10 < 5

    ours, paddles = (
        trained(cls, learning_rate=0.01, before_step=choose)
        for cls in (FusedAdam, paddle.optimizer.Adam)
    )
    for key, value in paddles.items():
        np.testing.assert_allclose(ours[key], value, rtol=1e-4, atol=1e-7, err_msg=key)


def test_most_steps_are_fused(monkeypatch):
    """The point of the class: after the first step Paddle's own is not called again."""
    calls = []
    own = paddle.optimizer.Adam.step
    monkeypatch.setattr(paddle.optimizer.Adam, "step", lambda self: (calls.append(1), own(self)))
    trained(FusedAdam, learning_rate=0.01)
    assert len(calls) == 1


def sparse_run(optimizer_class, steps, start=None, first=0):
    """Trains a sparse table and dense layers; returns parameters and the optimizer's state.

    Args:
        optimizer_class: Adam, or a class that is to equal it.
        steps: the step to end before.
        start: what an earlier run returned, to go on from.
        first: the step to begin with.
    """
    paddle.seed(5)
    with unique_name.guard():
        net = Net(sparse=True)
        optimizer = optimizer_class(0.01, parameters=net.parameters(), lazy_mode=True)
        if start:
            net.set_state_dict(start[0])
            optimizer.set_state_dict(start[1])
        for step in range(first, steps):
            ids = paddle.to_tensor(np.random.default_rng(step).integers(0, 15, 4))
            (net(ids) ** 2).sum().backward()
            assert not net.table.weight.grad.is_dense()
            optimizer.step()
            optimizer.clear_grad(set_to_zero=False)
    kept = {
        name: paddle.to_tensor(np.asarray(value))
        for name, value in optimizer.state_dict().items()
        if name not in ("LR_Scheduler", "master_weights")
    }
    return {name: paddle.to_tensor(value.numpy()) for name, value in net.state_dict().items()}, kept


def test_a_sparse_table_beside_dense_layers_takes_the_steps_of_paddles_lazy_adam():
    ours, paddles = (sparse_run(cls, STEPS) for cls in (FusedAdam, paddle.optimizer.Adam))
    untouched = sparse_run(FusedAdam, 0)[0]["table.weight"].numpy()[15:]
    np.testing.assert_array_equal(ours[0]["table.weight"].numpy()[15:], untouched)
    for found, expected in zip(ours, paddles):
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            np.testing.assert_allclose(
                found[name].numpy(), value.numpy(), rtol=1e-4, atol=1e-7, err_msg=name
            )


def test_lazy_rows_rest_where_those_of_a_dense_table_drift():
    """A row's moments move it on in dense Adam, lazily only when it is looked up again."""
    lazy, dense = (
        trained(FusedAdam, learning_rate=0.01, **options)["table.weight"]
        for options in ({"lazy_mode": True, "sparse": True}, {})
    )
    assert np.abs(lazy - dense)[:10].max() > 1e-4


@pytest.mark.parametrize("parted", [1, 2, 17])
def test_a_resumed_run_of_a_sparse_table_is_equal_to_the_last_bit(parted):
    whole = sparse_run(FusedAdam, STEPS)
    resumed = sparse_run(FusedAdam, STEPS, start=sparse_run(FusedAdam, parted), first=parted)
    for found, expected in zip(resumed, whole):
        assert found.keys() == expected.keys()
        for name, value in expected.items():
            np.testing.assert_array_equal(found[name].numpy(), value.numpy(), err_msg=name)


class _Config(dict):
    pass


@pytest.mark.parametrize("name", ["adam", "Adam", "adamw", "adagrad", "momentum", "sgd"])
def test_optimizers_by_name(name):
    config = _Config({"hyper_parameters.optimizer.class": name})
    config["hyper_parameters.optimizer.learning_rate"] = 0.05
    optimizer = create_optimizer(config, nn.Linear(2, 2).parameters())
    assert type(optimizer).__name__.lower().endswith(name.lower())
    assert optimizer.get_lr() == 0.05


@pytest.mark.parametrize("name", ["adam", "adamw", "adagrad", "momentum", "sgd"])
def test_sparse_gradients_need_an_optimizer_that_takes_them(name):
    config = _Config({"hyper_parameters.optimizer.class": name})
    config["hyper_parameters.sparse_fields"] = [{"name": "item", "size": 7}]
    if name in ("adamw", "momentum"):
        with pytest.raises(ValueError, match=f"{name} takes no sparse gradients: choose adam, ada"):
            create_optimizer(config, nn.Linear(2, 2).parameters())
        config["hyper_parameters.sparse_gradients"] = False
    optimizer = create_optimizer(config, nn.Linear(2, 2).parameters())
    assert getattr(optimizer, "_lazy_mode", False) == (name == "adam")
