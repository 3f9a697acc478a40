"""The executor of a static session prepares each program once."""

import numpy as np
import paddle
import pytest

from engine.graphs.static import StaticSession
from engine.graphs.static_program import remember_program
from engine.system.clock import Clock


@pytest.fixture
def program():
    """A program and two variables to fetch from it."""
    paddle.enable_static()
    made = paddle.static.Program()
    with paddle.static.program_guard(made):
        x = paddle.static.data("x", [None, 2], "float32")
        yield made, x * 2.0, x.sum()


def test_the_fetches_may_change(program):
    made, double, total = program
    executor = paddle.static.Executor(paddle.CPUPlace())
    remember_program(executor)
    for rows in (3, 1, 3):
        array = np.full([rows, 2], 1.5, np.float32)
        for fetched in ([double, total], [total], [total, double]):
            found = executor.run(made, feed={"x": array}, fetch_list=fetched)
            expected = [array * 2 if each is double else array.sum() for each in fetched]
            assert len(found) == len(expected)
            for value, right in zip(found, expected):
                np.testing.assert_array_equal(value, right)


def test_another_program_may_run(program):
    made, double, _ = program
    other = paddle.static.Program()
    with paddle.static.program_guard(other):
        triple = paddle.static.data("y", [None], "float32") * 3.0
    executor = paddle.static.Executor(paddle.CPUPlace())
    remember_program(executor)
    for _ in range(2):
        (found,) = executor.run(made, {"x": np.ones([1, 2], np.float32)}, [double])
        np.testing.assert_array_equal(found, [[2.0, 2.0]])
        (found,) = executor.run(other, {"y": np.ones([2], np.float32)}, [triple])
        np.testing.assert_array_equal(found, [3.0, 3.0])


def test_steps_prepare_the_program_once(configure, monkeypatch):
    cache = paddle.base.executor._ExecutorCache
    name = "get_pir_program_and_executor"
    if paddle.__version__.startswith("2.") or not hasattr(cache, name):
        pytest.skip("this Paddle has no such look-up")
    prepare, calls = getattr(cache, name), []
    monkeypatch.setattr(cache, name, lambda *given: (calls.append(1), prepare(*given))[1])
    session = StaticSession(configure("mmoe"), training=True)
    calls.clear()
    rng = np.random.default_rng(0)
    for rows in (4, 4, 3, 4):
        labels = [rng.integers(0, 2, (rows, 1)) for _ in range(2)]
        session.train_step([rng.random((rows, 499), np.float32), *labels], Clock())
    assert len(calls) == 1
