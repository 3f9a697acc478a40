"""Every operator of nets: its written gradient is autograd's, in a net that trains."""

import inspect

import numpy as np
import paddle
import pytest
from paddle import nn
from test_step_code_guards import Plain, needs_kernels, trained

from models.common.fast_step import operators
from models.common.layers import ops

NO_OPERATORS = ("rank", "tensor")  # they are not used inside logits


def column(x):
    return ops.sum(x, 1, keepdim=True)


CASES = {
    "linear without bias": lambda net, x: ops.linear(x, net.square),
    "matmul with a parameter": lambda net, x: ops.matmul(x, net.square),
    "product of two computed": lambda net, x: ops.multiply(x, ops.sigmoid(x)),
    "broadcast product": lambda net, x: ops.multiply(x, column(x)),
    "sum of two computed": lambda net, x: ops.add(x, column(x)),
    "sum with a parameter": lambda net, x: ops.add(x, net.scale),
    "difference": lambda net, x: ops.subtract(net.scale, x),
    "quotient of two computed": lambda net, x: ops.divide(x, ops.scale(ops.sigmoid(x), 1.0, 1.0)),
    "broadcast quotient": lambda net, x: ops.divide(x, ops.scale(column(ops.sigmoid(x)), 1, 1)),
    "tanh": lambda net, x: ops.tanh(x),
    "rsqrt": lambda net, x: ops.rsqrt(ops.scale(x, 1.0, 0.5)),
    "integers": lambda net, x: looked_up(net, ops.scale(ops.sigmoid(x), 11.5)),
    "moving_average": lambda net, x: with_average(net, x),
    "scale": lambda net, x: ops.scale(x, -2.0, 0.5),
    "sigmoid": lambda net, x: ops.sigmoid(x),
    "swish": lambda net, x: ops.swish(x),
    "leaky_relu": lambda net, x: ops.leaky_relu(ops.subtract(x, net.scale), 0.2),
    "sin": lambda net, x: ops.sin(ops.scale(x, 3.0)),
    "cos": lambda net, x: ops.cos(ops.multiply(x, net.scale)),
    "softmax": lambda net, x: ops.softmax(x),
    "stop_gradient": lambda net, x: ops.multiply(x, ops.stop_gradient(ops.sigmoid(x))),
    "mean": lambda net, x: ops.add(x, ops.mean(x, 1, keepdim=True)),
    "mean of an axis that is left out": lambda net, x: ops.multiply(x, ops.mean(x, 0)),
    "square": lambda net, x: ops.square(ops.subtract(x, net.scale)),
    "layer_norm": lambda net, x: ops.layer_norm(x, net.scale, net.shift),
    "layer_norm of three axes": lambda net, x: ops.reshape(
        ops.layer_norm(ops.reshape(x, [-1, 3, 4]), net.short, net.shift_of_short), [-1, 12]
    ),
    "gather along each axis": lambda net, x: ops.add(
        ops.gather(ops.gather(x, net.places, 1), net.places, 1), twice_transposed(net, x)
    ),
    "stack and sum": lambda net, x: ops.sum(ops.stack([x, ops.relu(x), net_part(x)]), 0),
    "stack along an inner axis": lambda net, x: ops.sum(ops.stack([x, ops.scale(x, 2)], 1), 1),
    "sum without its axis": lambda net, x: ops.multiply(
        ops.reshape(ops.sum(x, 1), [-1, 1]), net.scale
    ),
    "linear of what needs no gradient and of what does": lambda net, x: ops.linear(
        ops.concat([ops.stop_gradient(x), ops.sigmoid(x), net_part(x)], 1), net.tall, net.scale
    ),
    "products with what needs no gradient": lambda net, x: ops.add(
        products(ops.stop_gradient(x), ops.sigmoid(x)),
        products(ops.sigmoid(x), ops.stop_gradient(x)),
    ),
    "split, unbind, concat": lambda net, x: ops.concat(
        [*ops.split(x, [5, 4, 3])[:2], ops.unbind(ops.reshape(x, [-1, 4, 3]), 1, 4)[2]], 1
    ),
}


def products(x, y):
    """The dot product of each row of two, times their sum."""
    dots = ops.matmul(ops.reshape(x, [-1, 1, 12]), ops.reshape(y, [-1, 12, 1]))
    return ops.multiply(ops.reshape(dots, [-1, 1]), ops.add(x, y))


def looked_up(net, x):
    return ops.sum(ops.lookup(ops.integers(x), net.square, False), 1)


def with_average(net, x):
    ops.moving_average(net.average, ops.mean(x, 0), 0.9)
    return x


def net_part(x):
    return ops.scale(x, 0.25)


def twice_transposed(net, x):
    return ops.transpose(ops.gather(ops.transpose(x, [1, 0]), net.places), [1, 0])


class Operating(Plain):
    """Applies one of the cases between its layers."""

    case = ""

    def __init__(self, feature_size: int = 499, task_num: int = 2):
        super().__init__(feature_size, task_num)
        self.square = self.create_parameter([12, 12])
        self.tall = self.create_parameter([36, 12])
        self.average = self.create_parameter([12], is_bias=True)
        self.average.stop_gradient = True
        self.shift, self.shift_of_short = (
            self.create_parameter([size], is_bias=True) for size in (12, 4)
        )
        self.short = self.create_parameter([4], default_initializer=nn.initializer.Constant(0.7))
        self.places = paddle.to_tensor([0, 2, 2, 11, 5, 7, 7, 7, 1, 3, 4, 6])

    def logits(self, features):
        return self.out(CASES[self.case](self, ops.relu(self.hidden(features))))


@needs_kernels
@pytest.mark.parametrize("case", CASES)
def test_it_trains_as_under_autograd(case, configure, monkeypatch):
    monkeypatch.setattr(Operating, "case", case)
    found, session = trained(Operating, configure, monkeypatch, epochs=2)
    assert session._contract._step_of(session.net) is not None
    expected, _ = trained(Operating, configure, monkeypatch, writable=False, epochs=2)
    for name, value in expected.items():
        np.testing.assert_allclose(found[name], value, rtol=1e-4, atol=2e-5, err_msg=name)


def test_every_operator_can_be_written():
    names = [
        name
        for name, each in inspect.getmembers(ops, inspect.isfunction)
        if not name.startswith("_") and name not in (*NO_OPERATORS, "from_dlpack", "is_symbolic")
    ]
    assert len(names) >= 18
    for name in names:
        written = inspect.signature(getattr(operators, name)).parameters
        assert list(written) == list(inspect.signature(getattr(ops, name)).parameters), name


def test_operators_work_in_static_graph():
    paddle.enable_static()
    try:
        program = paddle.static.Program()
        with paddle.static.program_guard(program, paddle.static.Program()):
            x = paddle.static.data("x", [None, 4], "float32")
            out = ops.multiply(ops.add(x, ops.scale(x, 2.0)), ops.stop_gradient(ops.swish(x)))
            out = ops.sum(ops.stack([out, ops.subtract(out, x)]), 0)
        executor = paddle.static.Executor(paddle.CPUPlace())
        value = np.linspace(-1, 1, 8, dtype="float32").reshape(2, 4)
        (found,) = executor.run(program, feed={"x": value}, fetch_list=[out])
    finally:
        paddle.disable_static()
    product = 3 * value * value / (1 + np.exp(-value))
    np.testing.assert_allclose(found, 2 * product - value, rtol=1e-5, atol=1e-6)
