"""Training, evaluation, export and inference with Paddle on the GPU against the CPU."""

from pathlib import Path

import numpy as np
import paddle
import pytest
from largest_difference import largest_difference

from engine import commands
from engine.deployment.export import dygraph_export
from engine.deployment.predictors import opening
from engine.deployment.predictors.predictor import Options
from engine.system import device

pytestmark = pytest.mark.usefixtures("paddle_gpu")


def predictions(configured, folder, output, use_gpu, graph):
    """Evaluates a checkpoint on a device; returns its predictions ``[rows, tasks]``."""
    path = output / f"predictions_{use_gpu}.npy"
    config = configured(folder, use_gpu, f"runner.save_predictions={path}", output=output)
    commands.evaluate(config, graph)
    return np.load(path).astype("float64")


@pytest.mark.parametrize("graph", ["dygraph", "static"])
def test_training_and_evaluation_agree_with_the_cpu(folder, trained, configured, tmp_path, graph):
    outputs = [
        Path(trained(folder, use_gpu, graph).runner("model_save_path")) for use_gpu in (False, True)
    ]
    cpu, gpu = (predictions(configured, folder, output, False, graph) for output in outputs)
    # Adam's step is the learning rate whatever the size of the gradient, so a rounding may flip it.
    assert np.abs(cpu - gpu).mean() < 1e-3
    # One checkpoint on both devices.
    again = predictions(configured, folder, outputs[1], True, graph)
    np.testing.assert_allclose(again, gpu, atol=1e-5)


def test_an_export_made_on_the_gpu(folder, trained, batches):
    """The export itself compares the exported model with the net on the GPU."""
    on_gpu = dygraph_export.export_checkpoint(trained(folder, True))
    cpu = opening.open_predictor(on_gpu, Options(engine="paddle"))
    gpu = opening.open_predictor(on_gpu, Options(engine="paddle", use_gpu=True))
    for arrays in batches(folder, cpu):
        assert largest_difference(gpu.run(arrays), cpu.run(arrays)) <= 1e-5


@pytest.mark.parametrize("precision", ["fp32", "fp16"])
def test_tensorrt(folder, exported, batches, precision, monkeypatch):
    if device.lacks_tensorrt():
        pytest.skip(device.lacks_tensorrt())
    if not paddle.__version__.startswith("2."):
        pytest.skip("TensorRT needs a .pdmodel of Paddle 2.6")
    monkeypatch.setenv("NVIDIA_TF32_OVERRIDE", "0")
    model = exported(folder, "paddle")
    cpu = opening.open_predictor(model, Options(engine="paddle"))
    options = Options(
        engine="paddle", use_gpu=True, enable_tensorrt=True, precision=precision, batch_size=32
    )
    gpu = opening.open_predictor(model, options)
    tolerance = 1e-4 if precision == "fp32" else 2e-2
    for arrays in batches(folder, cpu):
        assert largest_difference(gpu.run(arrays), cpu.run(arrays)) <= tolerance
