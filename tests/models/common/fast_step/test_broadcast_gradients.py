"""Written gradients of operators whose operands are broadcast, against autograd's."""

import itertools

import numpy as np
import paddle
import pytest
from test_step_code_guards import needs_kernels

from models.common.fast_step.code import StepCode
from models.common.fast_step.symbols import Symbol
from models.common.layers import ops

PAIRS = [
    ((4, 5), (4, 5)),
    ((4, 1), (4, 5)),
    ((1, 5), (4, 5)),
    ((5,), (4, 5)),
    ((4, 5), (3, 4, 5)),
    ((3, 1, 5), (1, 4, 5)),
    ((3, 4, 1), (3, 4, 5)),
    ((1, 1), (4, 5)),
    ((4, 1, 5), (2, 1, 3, 1)),
]
PRODUCTS = [
    ((4, 5), (5, 3)),
    ((2, 4, 5), (2, 5, 3)),
    ((2, 4, 5), (5, 3)),
    ((4, 5), (2, 5, 3)),
    ((2, 4, 5), (1, 5, 3)),
    ((1, 4, 5), (2, 5, 3)),
    ((1, 1), (1, 1)),
]
SHAPES = [(4, 5), (3, 4, 5), (1, 5), (4, 1)]
CASES = [
    *((name, {}, pair) for name in ("add", "subtract", "multiply") for pair in PAIRS),
    *((name, {}, pair[::-1]) for name in ("add", "subtract", "multiply") for pair in PAIRS[1:]),
    *(("matmul", {}, pair) for pair in PRODUCTS),
    *(
        (name, {"axis": axis, "keepdim": keepdim}, [shape])
        for name in ("sum", "mean")
        for shape in SHAPES
        for axis in range(len(shape))
        for keepdim in (False, True)
    ),
    *(("square", {}, [shape]) for shape in SHAPES),
    *(("layer_norm", {}, [shape, shape[-1:], shape[-1:]]) for shape in SHAPES),
    *(("gather", {"axis": axis}, [shape]) for shape in SHAPES for axis in range(len(shape))),
]


def parameter(shape, random):
    found = paddle.create_parameter(list(shape), "float32")
    found.set_value(random.normal(0, 1, shape).astype("float32"))
    return found


@needs_kernels
@pytest.mark.parametrize(("name", "options", "shapes"), CASES)
def test_gradients_have_the_shapes_and_numbers_of_autograd(name, options, shapes):
    """Each operand in turn is a parameter, or computed from one and from an input."""
    random = np.random.default_rng(len(shapes))
    operator = getattr(ops, name)
    if name == "gather":
        last = shapes[0][options["axis"]] - 1
        options = {**options, "places": paddle.to_tensor([last, 0, last])}
    computed = [(True, False, False)] if name == "layer_norm" else []
    for kinds in computed or itertools.product((True, False), repeat=len(shapes)):
        if not any(kinds):
            continue
        parameters = [parameter(shape, random) for shape in shapes]
        inputs = [paddle.rand(list(shape)) for shape in shapes]
        operands = [i * p if kind else p for kind, i, p in zip(kinds, inputs, parameters)]
        expected = operator(*operands, **options)
        gradient = paddle.rand(expected.shape)
        expected.backward(gradient)

        code, symbols = StepCode(), {}
        for place, (kind, shape) in enumerate(zip(kinds, shapes)):
            if kind:
                symbols[place] = Symbol(f"x{place}", code, len(shape), wanted=False)
        operands = [
            ops.multiply(symbols[place], each) if place in symbols else each
            for place, each in enumerate(parameters)
        ]
        out = operator(*operands, **options)
        out.add_gradient(code.constant(gradient))
        code.finish([each.name for each in symbols.values()], out.name, out.name)
        with paddle.no_grad():
            given = [inputs[place] for place in symbols]
            found, _, back = code.function()(*given, None, None)
            gradients = dict(zip(map(id, code.parameters), back()))
        np.testing.assert_allclose(found.numpy(), expected.numpy(), rtol=1e-5, atol=1e-5)
        for each in parameters:
            assert gradients[id(each)].shape == each.shape
            np.testing.assert_allclose(
                gradients[id(each)].numpy(), each.grad.numpy(), rtol=1e-4, atol=1e-4
            )
