"""Memory and utilisation of a GPU, with a stand-in for NVML."""

import sys
import types

import numpy as np
import pytest

from engine.deployment.exported_model.tensors import TensorSpec
from engine.deployment.inference import gpu_usage, prediction


class NvmlError(Exception):
    pass


@pytest.fixture
def nvml(monkeypatch):
    """NVIDIA's library with one GPU, 512 MB of it in use and half busy."""
    library = types.ModuleType("pynvml")
    library.open = 0
    library.NVMLError = NvmlError

    def init():
        library.open += 1

    def shutdown():
        library.open -= 1

    library.nvmlInit, library.nvmlShutdown = init, shutdown
    library.nvmlDeviceGetHandleByIndex = lambda index: ("gpu", index)
    library.nvmlDeviceGetMemoryInfo = lambda gpu: types.SimpleNamespace(used=512 * 2**20)
    library.nvmlDeviceGetUtilizationRates = lambda gpu: types.SimpleNamespace(gpu=50)
    monkeypatch.setitem(sys.modules, "pynvml", library)
    return library


def test_memory_and_utilisation_of_the_gpu(nvml):
    with gpu_usage.GpuUsage() as usage:
        assert nvml.open == 1
    assert nvml.open == 0
    assert usage.summary() == {"gpu_rss(MB)": 512.0, "gpu_util(%)": 50.0}


def test_the_peak_of_memory_and_the_mean_of_utilisation(nvml, monkeypatch):
    monkeypatch.setattr(gpu_usage, "_INTERVAL", 0.0)
    memory, busy = iter([1, 3, 2]), iter([10, 20, 60])
    done = gpu_usage.threading.Event()
    usage = gpu_usage.GpuUsage()

    def utilisation(gpu):
        value = next(busy)
        if value == 60:
            usage._stopped.set()
            done.set()
        return types.SimpleNamespace(gpu=value)

    nvml.nvmlDeviceGetMemoryInfo = lambda gpu: types.SimpleNamespace(used=next(memory) * 2**20)
    nvml.nvmlDeviceGetUtilizationRates = utilisation
    with usage:
        assert done.wait(60)
    assert usage.summary() == {"gpu_rss(MB)": 3.0, "gpu_util(%)": 30.0}


def test_without_nvml_the_report_names_the_package(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with gpu_usage.GpuUsage() as usage:
        pass
    assert usage.summary()["gpu_rss(MB)"] == "not measured: pip install nvidia-ml-py"


@pytest.mark.parametrize("place", ["nvmlInit", "nvmlDeviceGetUtilizationRates"])
def test_an_nvml_error_is_reported_and_not_raised(nvml, place):
    def fails(*arguments):
        raise NvmlError("Not Supported")

    setattr(nvml, place, fails)
    with gpu_usage.GpuUsage() as usage:
        pass
    figures = usage.summary()
    assert figures["gpu_util(%)"] == "not measured: Not Supported"
    if place != "nvmlInit":
        assert figures["gpu_rss(MB)"] == 512.0


class Halves:
    """A predictor on the given device that predicts 0.5."""

    def __init__(self, device):
        self.runtime = {"device": device}
        self.inputs = [TensorSpec("x", (None, 3), "float32")]
        self.outputs = [TensorSpec("y", (None, 2), "float32")]

    def run(self, arrays):
        return [np.full([len(arrays[0]), 2], 0.5, "float32")]


class Source:
    def batches(self, epoch):
        yield [np.zeros([2, 3], "float32")]


def test_a_run_on_a_gpu_reports_its_memory(nvml):
    result = prediction.predict(Halves("gpu"), Source(), None, 0, 1)
    assert result.device_usage == {"gpu_rss(MB)": 512.0, "gpu_util(%)": 50.0}
    assert prediction.predict(Halves("cpu"), Source(), None, 0, 1).device_usage == {}
