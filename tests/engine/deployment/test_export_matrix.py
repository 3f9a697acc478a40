"""Every model folder, export, engine and batch size gives the trained net's own numbers."""

import numpy as np
import pytest

from engine.deployment.predictors import opening
from engine.deployment.predictors.predictor import Options
from engine.system.errors import UserError

TOLERANCE = 1e-5
WAYS = [
    ("to_static", "paddle"),
    ("to_static", "onnxruntime"),
    ("static", "paddle"),
    ("static", "onnxruntime"),
    ("onnx", "onnxruntime"),
]


def batches(rows, size):
    """Row numbers in batches of a size, a partial one at the end; few rows fill a full one too."""
    if rows < size:
        yield np.arange(rows)
        yield np.resize(np.arange(rows), size)
        return
    for start in range(0, rows, size):
        yield np.arange(start, min(start + size, rows))


@pytest.mark.parametrize("batch_size", [1, 7, 1024])
@pytest.mark.parametrize(("how", "engine"), WAYS)
def test_every_row_is_predicted_as_the_net_does(
    folder, exports, eager, sample_rows, how, engine, batch_size
):
    if engine == "onnxruntime":
        pytest.importorskip("onnxruntime")
        pytest.importorskip("paddle2onnx")
    expected = eager(folder, "static" if how == "static" else "dygraph")
    runner = opening.open_predictor(exports(folder, how), Options(engine=engine))
    assert [spec.name for spec in runner.outputs] == list(expected)
    inputs = sample_rows(folder)
    for numbers in batches(len(inputs[0]), batch_size):
        outputs = runner.run([rows[numbers] for rows in inputs])
        for (name, ours), theirs in zip(expected.items(), outputs):
            assert (theirs.dtype, theirs.shape) == (ours.dtype, (len(numbers), ours.shape[1]))
            np.testing.assert_allclose(theirs, ours[numbers], rtol=0, atol=TOLERANCE, err_msg=name)


def test_paddle_does_not_run_an_onnx_file(folder, exports):
    model = exports(folder, "onnx")
    with pytest.raises(UserError) as caught:
        opening.open_predictor(model, Options(engine="paddle"))
    assert str(caught.value) == f"--engine paddle: {model.graph} is for ONNX Runtime"


@pytest.mark.parametrize("graph", ["dygraph", "static"])
def test_the_matrix_can_tell_rows_and_tasks_apart(folder, eager, graph):
    """Were all predictions alike, it would prove nothing."""
    first, second, *_ = (output[:, 1] for output in eager(folder, graph).values())
    assert len(np.unique(first)) > 0.8 * len(first)
    assert np.abs(first - second).max() > 0.01
