"""Nets whose step cannot be written, or not once for all: they train as under autograd."""

import numpy as np
import paddle
import paddle.nn.functional as F
import pytest
from paddle import nn
from replaced_net import replace_net

from engine.data import sources
from engine.graphs.dygraph import DygraphSession
from engine.model_folder import loading
from engine.system.clock import Clock
from engine.system.errors import UserError
from models.common.contract.net import MultiTaskNet
from models.common.fast_step import code
from models.common.fast_step.symbols import Symbol
from models.common.layers import ops
from models.common.layers.dense import Linear

needs_kernels = pytest.mark.skipif(
    not code.AVAILABLE, reason="this Paddle shows no gradient kernels"
)


class Plain(MultiTaskNet):
    """One hidden layer; what the other nets here change."""

    def __init__(self, feature_size: int = 499, task_num: int = 2):
        super().__init__(task_num)
        self.hidden = Linear(feature_size, 12)
        self.scale = self.create_parameter([12], default_initializer=nn.initializer.Constant(1.5))
        self.output = Linear(12, 2 * task_num)
        self.calls = 0

    def logits(self, features):
        return self.out(ops.relu(self.hidden(features)))

    def out(self, x):
        x = ops.reshape(self.output(x), [-1, self.task_num, 2])
        return ops.transpose(x, [1, 0, 2])


class Penalised(Plain):
    """A loss of the net's own, which reads a parameter."""

    def loss(self, logits, labels, weights):
        return super().loss(logits, labels, weights) + (self.hidden.weight**2).sum()


class Ordered(Plain):
    """A loss that joins two tasks: the second's probability must not exceed the first's."""

    def loss(self, logits, labels, weights):
        first, second = F.softmax(logits)[:, :, 1]
        return super().loss(logits, labels, weights) + 0.6 * F.relu(second - first).mean()


class Doubled(Plain):
    """Losses of rows of the net's own."""

    def row_losses(self, logits, labels):
        return 2.0 * super().row_losses(logits, labels)


class Transformed(Plain):
    """A weight that is computed from a parameter."""

    def logits(self, features):
        weight = paddle.tanh(self.hidden.weight)
        return self.out(ops.relu(ops.linear(features, weight, self.hidden.bias)))


class Scaled(Plain):
    """A product with what is trained."""

    def logits(self, features):
        return self.out(ops.multiply(ops.relu(self.hidden(features)), self.scale))


class Noisy(Plain):
    """A constant that is another one in every call."""

    def logits(self, features):
        return self.out(ops.multiply(ops.relu(self.hidden(features)), paddle.rand([12])))


class Counting(Plain):
    """A choice by how many calls there were."""

    def logits(self, features):
        self.calls += 1
        x = self.hidden(features)
        return self.out(ops.relu(x) if self.calls > 4 else x)


class Branching(Plain):
    """A choice by the features."""

    def logits(self, features):
        x = self.hidden(features)
        return self.out(ops.relu(x) if x.sum() > 0 else x)


class Asserting(Plain):
    """Raises an error of another kind for what is no tensor."""

    def logits(self, features):
        assert isinstance(features, paddle.Tensor)
        return super().logits(features)


class Normalised(Plain):
    def __init__(self, feature_size: int = 499, task_num: int = 2):
        super().__init__(feature_size, task_num)
        self.norm = nn.BatchNorm1D(12)

    def logits(self, features):
        return self.out(ops.relu(self.norm(self.hidden(features))))


class Hooked(Plain):
    """A gradient that a hook changes."""

    def __init__(self, feature_size: int = 499, task_num: int = 2):
        super().__init__(feature_size, task_num)
        self.hidden.weight.register_hook(lambda gradient: gradient * 0.0)


class Watched(Plain):
    """A layer, none of this project's, with a hook that keeps what comes out."""

    def __init__(self, feature_size: int = 499, task_num: int = 2):
        super().__init__(feature_size, task_num)
        self.inner, self.seen = Inner(), []
        self.inner.register_forward_post_hook(lambda layer, x, out: self.seen.append(out))

    def logits(self, features):
        return self.out(self.inner(self.hidden(features)))


class Inner(nn.Layer):
    def forward(self, x):
        return ops.relu(x)


class Broadcasting(Plain):
    """A product that has more numbers than one of its operands."""

    def __init__(self, feature_size: int = 499, task_num: int = 2):
        super().__init__(feature_size, task_num)
        self.narrow = Linear(feature_size, 1)
        self.factor = paddle.arange(1, 13, dtype="float32")

    def logits(self, features):
        return self.out(ops.relu(ops.multiply(self.narrow(features), self.factor)))


class Cubic(Plain):
    """A layer on an input of three axes, and sizes that are NumPy's."""

    def __init__(self, feature_size: int = 499, task_num: int = 2):
        super().__init__(feature_size, task_num)
        self.small = Linear(6, 2)

    def logits(self, features):
        x = ops.reshape(ops.relu(self.hidden(features)), [-1, np.int64(2), 6])
        return ops.transpose(self.small(x), [1, 0, 2])


class CubicFirst(Plain):
    """The features themselves in three axes."""

    def __init__(self, feature_size: int = 499, task_num: int = 2):
        super().__init__(feature_size, task_num)
        self.small = Linear(499, 2)

    def logits(self, features):
        x = ops.concat([ops.reshape(features, [-1, 1, 499])] * 2, axis=1)
        return ops.transpose(self.small(x), [1, 0, 2])


class SharedWithComposite(Plain):
    """A parameter that an operator reads, and a composite too."""

    def logits(self, features):
        x = ops.relu(self.hidden(features))
        x = ops.composite(lambda y: y + self.output.bias.sum() + (self.hidden.bias**2).sum(), x)
        return self.out(x)


class Unread(Plain):
    """A composite that does not read one of its inputs."""

    def logits(self, features):
        x = self.hidden(features)
        return self.out(ops.composite(lambda a, b: F.gelu(a), x, ops.relu(x)))


class Tied(Plain):
    """One layer used twice."""

    def __init__(self, feature_size: int = 499, task_num: int = 2):
        super().__init__(feature_size, task_num)
        self.square = Linear(12, 12)

    def logits(self, features):
        x = ops.relu(self.hidden(features))
        return self.out(ops.relu(self.square(ops.relu(self.square(x)))))


class Normal(Plain):
    """Batch normalisation left to autograd."""

    def __init__(self, feature_size: int = 499, task_num: int = 2):
        super().__init__(feature_size, task_num)
        self.norm = nn.BatchNorm1D(12)

    def logits(self, features):
        return self.out(ops.relu(ops.composite(self.norm, self.hidden(features))))


NETS = {
    Plain: True,
    Penalised: True,
    Ordered: True,
    Doubled: True,
    Transformed: False,
    Scaled: True,
    Broadcasting: True,
    Noisy: False,
    Counting: False,
    Branching: False,
    Asserting: False,
    Normalised: False,
    Hooked: False,
    Watched: False,
    Cubic: True,
    CubicFirst: True,
    SharedWithComposite: True,
    Unread: True,
    Tied: True,
    Normal: True,
}


def trained(net_class, configure, monkeypatch, writable=True, between=None, epochs=3):
    """The parameters after some epochs of the sample, and the session."""
    replace_net(configure, monkeypatch, net_class)
    monkeypatch.setattr(net_class, "writable", writable)
    # Batch normalisation takes the gradients of constant columns to 0. What rounding leaves of
    # them Adam would scale up.
    options = ["hyper_parameters.optimizer.class=sgd"] if net_class is Normal else []
    session = DygraphSession(configure("mmoe", "runner.print_interval=100000", *options))
    source = sources.training_source(session._config)
    session.fit_inputs(source)
    paddle.seed(3)
    for epoch in range(epochs):
        session.start_epoch(training=True)
        if between:
            between(session.net, epoch)
        for number, (batch, _) in enumerate(session.batches(source, epoch)):
            if number < 4:
                session.train_step(batch, Clock())
    return session.parameters(), session


@needs_kernels
@pytest.mark.parametrize("net_class", NETS, ids=lambda each: each.__name__)
def test_it_trains_as_under_autograd(net_class, configure, monkeypatch):
    found, session = trained(net_class, configure, monkeypatch)
    expected, _ = trained(net_class, configure, monkeypatch, writable=False)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=2e-5, err_msg=name)
    assert (session._contract._step_of(session.net) is not None) == NETS[net_class]


class Dropping(Plain):
    def logits(self, features):
        x = ops.relu(self.hidden(features))
        return self.out(ops.dropout(x, 0.5) if self.training else x)


def set_mode(net, epoch):
    if epoch == 1:
        net.eval()


def freeze(net, epoch):
    net.hidden.weight.stop_gradient = epoch == 1


def thaw(net, epoch):
    net.output.bias.stop_gradient = epoch == 0


@needs_kernels
@pytest.mark.parametrize("between", [set_mode, freeze, thaw])
def test_what_changes_between_epochs(between, configure, monkeypatch):
    found, session = trained(Dropping, configure, monkeypatch, between=between)
    expected, _ = trained(Dropping, configure, monkeypatch, writable=False, between=between)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=2e-5, err_msg=name)
    assert session._contract._step_of(session.net) is not None


@pytest.mark.parametrize("use", [bool, len, iter, float, lambda x: x == 0, lambda x: x != 0, hash])
def test_a_stand_in_for_a_tensor_answers_nothing(use):
    with pytest.raises(TypeError):
        use(Symbol("x", code.StepCode()))


def test_a_loss_of_the_model_is_refused(configure, monkeypatch):
    """Static graph would not call it."""
    kind = loading.dygraph_model(configure("share_bottom")).__class__
    monkeypatch.setattr(kind, "create_loss", lambda self, logits, labels: None)
    with pytest.raises(UserError, match=r"create_loss: define loss\(logits, labels, weights\)"):
        DygraphSession(configure("share_bottom"))


@pytest.mark.parametrize("name", ["penalty", "loss", "row_losses", "create_loss"])
def test_a_loss_in_an_attribute_is_refused(name):
    with pytest.raises(ValueError, match=rf"Plain\.{name}: .* write a method loss\(logits, "):
        setattr(Plain(), name, lambda *arguments: None)


def register(net, kind):
    if kind == "parameter":
        net.hidden.weight.register_hook(lambda gradient: gradient * 0.0)
    else:
        net.hidden.register_forward_post_hook(lambda layer, x, out: None)


@needs_kernels
@pytest.mark.parametrize("kind", ["parameter", "layer"])
def test_a_hook_after_the_first_step_is_honoured(kind, configure, monkeypatch, caplog):
    caplog.set_level("INFO")

    def between(net, epoch):
        if epoch == 1:
            register(net, kind)

    found, session = trained(Plain, configure, monkeypatch, between=between)
    assert session._contract._step_of(session.net) is None
    assert f"Plain: no fast step, gradients by autograd: a {kind} has a hook" in caplog.text
    expected, _ = trained(Plain, configure, monkeypatch, writable=False, between=between)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=2e-5, err_msg=name)


@needs_kernels
def test_a_hook_of_a_frozen_parameter_is_honoured(configure, monkeypatch):
    def between(net, epoch):
        if epoch == 0:
            register(net, "parameter")
        net.hidden.weight.stop_gradient = epoch == 0

    found, session = trained(Plain, configure, monkeypatch, between=between)
    assert session._contract._step_of(session.net) is None
    expected, _ = trained(Plain, configure, monkeypatch, writable=False, between=between)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=2e-5, err_msg=name)


@needs_kernels
def test_a_tensor_that_logits_keeps_for_the_loss(configure, monkeypatch, caplog):
    caplog.set_level("INFO")
    found, _ = trained(Keeping, configure, monkeypatch, epochs=1)
    assert "Keeping: no fast step, gradients by autograd: logits keeps a tensor in" in caplog.text
    expected, _ = trained(Keeping, configure, monkeypatch, writable=False, epochs=1)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=2e-5, err_msg=name)


@needs_kernels
def test_the_log_names_the_line_that_cannot_be_written(configure, monkeypatch, caplog):
    caplog.set_level("INFO")
    trained(Foreign, configure, monkeypatch, epochs=1)
    line = Foreign.logits.__code__.co_firstlineno + 1
    assert (
        f"Foreign: no fast step, gradients by autograd: test_step_code_guards.py, line {line}: a "
        "function that is not in models/common/layers/ops.py; ops.composite can call it"
    ) in caplog.text
    trained(Plain, configure, monkeypatch, epochs=1)
    assert "Plain: fast step, written in " in caplog.text


class Keeping(Plain):
    def logits(self, features):
        logits = super().logits(features)
        self.__dict__.setdefault("kept", {})["logits"] = logits
        return logits

    def loss(self, logits, labels, weights):
        return super().loss(logits, labels, weights) + (self.kept["logits"] ** 2).mean()


class Foreign(Plain):
    def logits(self, features):
        return self.out(F.gelu(self.hidden(features)))


def test_what_a_refused_net_did_is_undone(configure, monkeypatch):
    _, session = trained(Counting, configure, monkeypatch, epochs=0)
    paddle.seed(4)
    expected = paddle.rand([3]).numpy()
    paddle.seed(4)
    assert session._contract._step_of(session.net) is None
    assert session.net.calls == 0
    np.testing.assert_array_equal(paddle.rand([3]).numpy(), expected)


class NarrowBias(Plain):
    """A bias of one number for all outputs, which the operator is not for."""

    def __init__(self, feature_size: int = 499, task_num: int = 2):
        super().__init__(feature_size, task_num)
        self.narrow = self.create_parameter([1], is_bias=True)

    def logits(self, features):
        return self.out(ops.relu(ops.linear(features, self.hidden.weight, self.narrow)))


@needs_kernels
def test_a_gradient_of_another_shape_is_an_error(configure, monkeypatch):
    with pytest.raises(ValueError, match=r"written gradient of .*set writable = False"):
        trained(NarrowBias, configure, monkeypatch)
    trained(NarrowBias, configure, monkeypatch, writable=False)
