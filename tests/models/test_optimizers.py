"""The fused optimizer step against Paddle's own."""

import numpy as np
import paddle
import pytest
from paddle import nn
from paddle.utils import unique_name

from models.multitask.optimizers import FusedAdam, create_optimizer

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


def trained(optimizer_class, steps=STEPS, use_second=lambda step: True, sparse=False, **options):
    """Returns the parameters after some steps from one start, and the optimizer's state."""
    paddle.seed(5)
    rng = np.random.default_rng(5)
    with unique_name.guard():
        net = Net(sparse)
        optimizer = optimizer_class(parameters=net.parameters(), **options)
        for step in range(steps):
            ids = paddle.to_tensor(rng.integers(0, 10, 7))
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


def test_most_steps_are_fused(monkeypatch):
    """The point of the class: after the first step Paddle's own is not called again."""
    calls = []
    own = paddle.optimizer.Adam.step
    monkeypatch.setattr(paddle.optimizer.Adam, "step", lambda self: (calls.append(1), own(self)))
    trained(FusedAdam, learning_rate=0.01)
    assert len(calls) == 1


class _Config(dict):
    pass


@pytest.mark.parametrize("name", ["adam", "Adam", "adamw", "adagrad", "momentum", "sgd"])
def test_optimizers_by_name(name):
    config = _Config({"hyper_parameters.optimizer.class": name})
    config["hyper_parameters.optimizer.learning_rate"] = 0.05
    optimizer = create_optimizer(config, nn.Linear(2, 2).parameters())
    assert type(optimizer).__name__.lower().endswith(name.lower())
    assert optimizer.get_lr() == 0.05
