"""Tests for a machine with a GPU; elsewhere each is skipped with its reason. See make test-gpu."""

import ctypes
import functools

import numpy as np
import paddle
import pytest

from engine import commands
from engine.config.load import load_config
from engine.data import sources
from engine.deployment.export import dygraph_export
from engine.deployment.exported_model import tensors
from engine.deployment.predictors import onnx_predictor
from engine.model_folder import loading
from engine.system import device, environment


def pytest_report_header():
    """Names the cards and the versions, for the record of what ran where."""
    wheel = f"CUDA {paddle.version.cuda()}" if paddle.is_compiled_with_cuda() else "for the CPU"
    lines = [f"GPU: {card}" for card in environment.gpus() or ["nvidia-smi shows none"]]
    lines.append(f"Paddle {paddle.__version__} {wheel}: {device.lacks_gpu() or 'uses the GPU'}")
    return [*lines, f"ONNX Runtime: {lacks_onnx_gpu() or 'uses the GPU'}"]


def lacks_onnx_gpu():
    """Returns what is missing for ONNX Runtime on a GPU, or ''.

    A library of CUDA that is missing is not among it: then the tests fail.
    """
    try:
        import onnxruntime
    except ImportError:
        return "ONNX Runtime is not installed"
    onnx_predictor.load_cuda()
    if "CUDAExecutionProvider" not in onnxruntime.get_available_providers():
        return f"onnxruntime {onnxruntime.__version__} is not onnxruntime-gpu"
    try:
        driver, count = ctypes.CDLL("libcuda.so.1"), ctypes.c_int()
    except OSError:
        return "this machine has no NVIDIA driver"
    if driver.cuInit(0) or driver.cuDeviceGetCount(ctypes.byref(count)) or not count.value:
        return "this machine shows no CUDA device"
    return ""


@pytest.fixture(scope="session")
def onnx_gpu():
    """Skips tests where ONNX Runtime has no GPU."""
    if lacks_onnx_gpu():
        pytest.skip(lacks_onnx_gpu())
    for package in ("onnx", "paddle2onnx"):
        pytest.importorskip(package)


@pytest.fixture(scope="session")
def paddle_gpu():
    """Skips tests where Paddle has no GPU, or no kernels for the one that there is."""
    if device.lacks_gpu():
        pytest.skip(f"Paddle: {device.lacks_gpu()}")


@pytest.fixture(scope="session")
def configured(tmp_path_factory):
    """Returns the configuration of a model folder for one epoch on a device."""

    def make(folder, use_gpu, *options, output=None):
        output = output or tmp_path_factory.mktemp(folder.name)
        options = [
            f"runner.model_save_path={output}",
            f"runner.infer_load_path={output}",
            f"runner.use_gpu={use_gpu}",
            "runner.epochs=1",
            "runner.infer_end_epoch=1",
            "runner.train_batch_size=32",
            "runner.infer_batch_size=32",
            *options,
        ]
        return load_config(str(folder / "config.yaml"), options, loading.hyper_parameters)

    return make


@pytest.fixture(scope="session")
def trained(configured):
    """Trains a model folder for an epoch; returns its configuration."""

    @functools.cache
    def train(folder, use_gpu=False, graph="dygraph"):
        config = configured(folder, use_gpu)
        commands.train(config, graph)
        return config

    return train


@pytest.fixture(scope="session")
def exported(trained):
    """Trains and exports a model folder on the CPU; returns the exported model."""

    @functools.cache
    def export(folder, form):
        return dygraph_export.export_checkpoint(trained(folder), form)

    return export


@pytest.fixture(scope="session")
def batches(trained):
    """Returns batches of a model folder's test rows; some shapes come several times."""

    @functools.cache
    def read(folder, specs):
        config = trained(folder)
        blocks = list(sources.evaluation_source(config, "dygraph").blocks())
        columns = [np.concatenate(parts) for parts in zip(*blocks)]
        rows, found, start = len(columns[0]), [], 0
        for size in (32, 1, 32, 7, 32, 1, 32, 7, 32, 1):
            places = np.arange(start, start + size) % rows
            start += size
            found.append(tensors.prepare_inputs(specs, [column[places] for column in columns]))
        return found

    return lambda folder, model: read(folder, tuple(model.inputs))
