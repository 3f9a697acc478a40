"""Optimizers with sparse gradients take the steps of NumPy's formulas, in every row."""

import numpy as np
import paddle
import pytest

from engine.model_folder import sparse_gradients
from engine.system.errors import UserError

ROWS, WIDTH, STEPS, RATE = 200, 4, 12, 0.01
PADDLE_2 = paddle.__version__.startswith("2.")  # only its static graph has sparse gradients


@pytest.fixture(autouse=True)
def _corrected():
    sparse_gradients.install()
    yield
    paddle.disable_static()


def steps(seed):
    """Yields the ids and the gradients of each step; rows of the table's end are rarely listed."""
    random = np.random.default_rng(seed)
    for _ in range(STEPS):
        ids = random.integers(0, ROWS - 40, random.integers(2, 20))
        yield ids, random.uniform(0.5, 1.5, (len(ids), WIDTH)).astype("float32")


def expected(name, start, seed):
    table, first, second = start.astype("float64"), 0.0, 0.0
    for step, (ids, gradients) in enumerate(steps(seed), 1):
        gradient = np.zeros_like(table)
        np.add.at(gradient, ids, gradients)
        if name == "Momentum":
            first = 0.9 * first + gradient
            table = table - RATE * first
        elif name == "RMSProp":
            second = 0.95 * second + 0.05 * gradient**2
            table = table - RATE * gradient / np.sqrt(second + 1e-6)
        else:
            first = 0.9 * first + 0.1 * gradient
            second = 0.999 * second + 0.001 * gradient**2
            # Paddle's sparse kernel corrects the bias for one step more than its dense one.
            correction = np.sqrt(1 - 0.999 ** (step + 1)) / (1 - 0.9 ** (step + 1))
            table = table - RATE * correction * first / (np.sqrt(second) + 1e-9)
    return table


def dygraph(optimizer, start, seed, sparse=True):
    net = paddle.nn.Embedding(ROWS, WIDTH, sparse=sparse)
    net.weight.set_value(start)
    optimizer = optimizer(net.parameters())
    for ids, gradients in steps(seed):
        (net(paddle.to_tensor(ids)) * paddle.to_tensor(gradients)).sum().backward()
        optimizer.step()
        optimizer.clear_grad()
    return net.weight.numpy()


def static(optimizer, start, seed):
    paddle.enable_static()
    main, startup, scope = paddle.static.Program(), paddle.static.Program(), paddle.static.Scope()
    with paddle.static.program_guard(main, startup), paddle.static.scope_guard(scope):
        ids = paddle.static.data("ids", [None], "int64")
        gradients = paddle.static.data("gradients", [None, WIDTH], "float32")
        net = paddle.nn.Embedding(ROWS, WIDTH, sparse=True)
        optimizer(None).minimize((net(ids) * gradients).sum())
        executor = paddle.static.Executor(paddle.CPUPlace())
        executor.run(startup)
        table = scope.find_var(net.weight.name).get_tensor()
        table.set(start, paddle.CPUPlace())
        for numbers, values in steps(seed):
            executor.run(main, feed={"ids": numbers, "gradients": values})
        return np.array(table)


@pytest.mark.parametrize("run", [dygraph, *([static] if PADDLE_2 else [])])
@pytest.mark.parametrize("name", ["Adam", "Momentum", "RMSProp"])
def test_every_row_of_the_table(run, name):
    """Paddle alone gets rows wrong in most of these runs, Momentum and RMSProp in all."""
    random = np.random.default_rng(1)
    for seed in range(25 if name == "Adam" else 3):
        start = random.normal(size=(ROWS, WIDTH)).astype("float32")
        found = run(lambda p: getattr(paddle.optimizer, name)(RATE, parameters=p), start, seed)
        np.testing.assert_allclose(found, expected(name, start, seed), atol=1e-5, err_msg=str(seed))


def test_rows_that_no_batch_names_take_the_same_bits():
    """Equal rows take equal steps, whether their place is before, between or behind listed rows."""
    start = np.full([ROWS, WIDTH], 0.5, "float32")
    net = paddle.nn.Embedding(ROWS, WIDTH, sparse=True)
    net.weight.set_value(start)
    optimizer = paddle.optimizer.Adam(RATE, parameters=net.parameters())
    everywhere = [0, 3, ROWS - 2, ROWS - 1]
    for ids in (everywhere, *([[3, 7, number] for number in range(20, 60)])):
        net(paddle.to_tensor(ids)).sum().backward()
        optimizer.step()
        optimizer.clear_grad()
    found = net.weight.numpy()
    assert (found[[0, ROWS - 2, ROWS - 1]] == found[0]).all()
    assert found[0, 0] != start[0, 0]
    assert (found[[1, 2, 100]] == start[1]).all()


@pytest.mark.parametrize(
    ("create", "problem"),
    [
        (lambda p: paddle.optimizer.AdamW(RATE, parameters=p), "AdamW takes no"),
        (lambda p: paddle.optimizer.Adadelta(RATE, parameters=p), "Adadelta takes no"),
        (
            lambda p: paddle.optimizer.Adam(RATE, parameters=p, use_multi_tensor=True),
            "Adam with use_multi_tensor=True does not train tables with",
        ),
        (
            lambda p: paddle.optimizer.SGD(
                RATE, parameters=p, grad_clip=paddle.nn.ClipGradByValue(1.0)
            ),
            "ClipGradByValue takes no",
        ),
    ],
)
def test_what_takes_no_sparse_gradients_says_so(create, problem):
    start = np.zeros([ROWS, WIDTH], "float32")
    with pytest.raises(UserError) as caught:
        dygraph(create, start, 0)
    text = str(caught.value)
    assert text.startswith(f"{problem} sparse gradients, and those of the table embedding_")
    assert text.endswith("make it with sparse=False, or use Adam(lazy_mode=True), SGD or Adagrad")
    dygraph(create, start, 0, sparse=False)
