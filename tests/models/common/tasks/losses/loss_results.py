"""What a loss computes in either graph, and gradients of formulas without Paddle."""

import numpy as np
import paddle
import pytest

GRAPHS = pytest.mark.parametrize("graph", ["dygraph", "static"])


def difference_quotients(function, z, step=1e-6):
    """The gradient of a function of z by central differences."""
    found = np.zeros_like(z)
    for place in np.ndindex(*z.shape):
        above, below = z.copy(), z.copy()
        above[place] += step
        below[place] -= step
        found[place] = (function(above) - function(below)) / (2 * step)
    return found


def results(loss, graph, logits, labels, weights, groups=None):
    """The total, its gradient, the rows' losses and the prediction, as a graph computes them."""

    def outputs(z, y, w, *g):
        return loss.total(z, y, w, *g), loss.rows(z, y), loss.prediction(z)

    given = [logits, labels, weights.astype(logits.dtype)]
    given += [] if groups is None else [groups]
    if graph == "dygraph":
        tensors = [paddle.to_tensor(array) for array in given]
        tensors[0].stop_gradient = False
        total, rows, prediction = outputs(*tensors)
        total.backward()
        return [each.numpy() for each in (total, tensors[0].grad, rows, prediction)]
    paddle.enable_static()
    program, start = paddle.static.Program(), paddle.static.Program()
    with paddle.static.program_guard(program, start):
        feeds = [
            paddle.static.data(f"x{n}", [-1, *array.shape[1:]], str(array.dtype))
            for n, array in enumerate(given)
        ]
        feeds[0].stop_gradient = False
        total, rows, prediction = outputs(*feeds)
        (gradient,) = paddle.static.gradients([total], feeds[:1])
        executor = paddle.static.Executor()
        executor.run(start)
        fed = {f"x{n}": array for n, array in enumerate(given)}
        return executor.run(program, fed, fetch_list=[total, gradient, rows, prediction])
