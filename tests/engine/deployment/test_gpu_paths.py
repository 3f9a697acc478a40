"""What Paddle Inference is told for GPUs, TensorRT, XPUs and NPUs, as far as a CPU build goes.

The configuration here writes down its calls, and hands them to Paddle's own, which checks names
and types of the arguments on each version of Paddle; what a CPU build cannot do it then refuses.
"""

import gc
import os
import sys
import types
from pathlib import Path

import numpy as np
import paddle
import pytest
from paddle import inference

from engine.deployment.exported_model.model_files import ExportedModel
from engine.deployment.inference import gpu_usage
from engine.deployment.inference import passes as run_inference
from engine.deployment.predictors import opening, paddle_predictor
from engine.deployment.predictors.paddle_predictor import PaddlePredictor
from engine.deployment.predictors.predictor import Options
from engine.system import device
from engine.system.errors import UserError

pytestmark = pytest.mark.skipif(
    paddle.is_compiled_with_cuda(), reason="this Paddle is built for the GPU"
)
PRECISIONS = {
    "fp32": inference.PrecisionType.Float32,
    "fp16": inference.PrecisionType.Half,
    "bf16": inference.PrecisionType.Bfloat16,
    "int8": inference.PrecisionType.Int8,
}


class RecordingConfig:
    """Paddle's configuration, which it asks to check each call."""

    real = inference.Config
    gpu_starts = True

    def __init__(self, *files):
        self._config = self.real(*files)
        self.calls = {}

    def __getattr__(self, name):
        method = getattr(self._config, name)

        def call(*arguments, **named):
            self.calls[name] = (*arguments, *named.values())
            try:
                answer = method(*arguments, **named)
            except RuntimeError as error:  # arguments that do not fit are a TypeError
                if "compile with" not in str(error):
                    raise
                answer = None
            if name == "use_gpu":
                return self.gpu_starts and "enable_use_gpu" in self.calls
            if name == "tensorrt_engine_enabled":
                return "enable_tensorrt_engine" in self.calls
            return answer

        return call


class Handle:
    def __init__(self, predictor, name):
        self.predictor, self.name = predictor, name

    def copy_from_cpu(self, array):
        assert array.flags.c_contiguous
        self.predictor.fed[self.name] = (array.shape, str(array.dtype))

    def copy_to_cpu(self):
        rows = self.predictor.fed["input"][0][0]
        return np.full([rows, 2], 0.5, "float32")


class RecordingPredictor:
    """Runs nothing, and writes down when it is made, run and given up."""

    def __init__(self, config, events):
        self.config, self.events, self.fed = config, events, {}
        shapes = config.calls.get("enable_tuned_tensorrt_dynamic_shape", [None])[0]
        self.events.append(
            ("made", config.calls, shapes and os.path.isdir(os.path.dirname(shapes)))
        )

    def get_input_names(self):
        return ["ids", "input"]  # not in the model's order

    def get_output_names(self):
        return ["out"]

    def get_input_handle(self, name):
        return Handle(self, name)

    get_output_handle = get_input_handle

    def run(self):
        self.events.append(("run", dict(self.fed)))

    def __del__(self):
        self.events.append(("given up",))


@pytest.fixture
def model(write_pdmodel, tmp_path):
    """A model of Paddle 2's format, which is the one that TensorRT takes."""
    path = tmp_path / "m.pdmodel"
    inputs = [("input", [-1, 3], "FP32"), ("ids", [-1], "INT64")]
    write_pdmodel(path, inputs, [("out", [-1, 2], "FP32")])
    (tmp_path / "m.pdiparams").write_bytes(b"")
    return ExportedModel(str(path), str(tmp_path / "m.pdiparams"))


@pytest.fixture
def machine(monkeypatch):
    """A machine with a GPU, TensorRT, an XPU and an NPU; returns what happens to predictors."""
    events = []
    monkeypatch.setattr(paddle, "is_compiled_with_cuda", lambda: True)
    monkeypatch.setattr(paddle.device.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(paddle, "is_compiled_with_xpu", lambda: True)
    monkeypatch.setattr(paddle.device, "get_all_custom_device_type", lambda: ["npu"])
    monkeypatch.setattr(inference, "get_trt_compile_version", lambda: (8, 5, 3))
    monkeypatch.setattr(inference, "get_trt_runtime_version", lambda: (8, 5, 3))
    monkeypatch.setattr(paddle_predictor.inference, "Config", RecordingConfig)
    monkeypatch.setattr(
        paddle_predictor.inference,
        "create_predictor",
        lambda config: RecordingPredictor(config, events),
    )
    return events


@pytest.fixture
def calls(machine, model):
    """What the configuration is told for some options."""

    def made(**options):
        PaddlePredictor(model, Options(**options))
        return [event[1] for event in machine if event[0] == "made"][-1]

    return made


# A GPU without TensorRT


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_a_gpu_at_each_precision(calls, precision):
    told = calls(use_gpu=True, precision=precision)
    assert told["enable_use_gpu"] == (256, 0, PRECISIONS[precision])
    assert "enable_tensorrt_engine" not in told
    assert "disable_gpu" not in told
    assert told["enable_memory_optim"] == ()


def test_int8_on_a_gpu_needs_a_quantised_model(model, machine, write_pdmodel):
    with pytest.raises(UserError, match="is not quantised; quantise it with PaddleSlim, or let"):
        PaddlePredictor(model, Options(use_gpu=True, precision="int8"))
    assert machine == []
    inputs = [("input", [-1, 3], "FP32"), ("ids", [-1], "INT64")]
    write_pdmodel(Path(model.graph), inputs, [("out", [-1, 2], "FP32")], ["quantize_linear"])
    PaddlePredictor(model, Options(use_gpu=True, precision="int8"))
    assert machine[0][1]["enable_use_gpu"] == (256, 0, PRECISIONS["int8"])


def test_a_cpu_is_not_offered_a_gpu(calls):
    told = calls()
    assert "disable_gpu" in told
    assert "disable_mkldnn" in told
    assert not [name for name in told if name.startswith("enable_") and "gpu" in name]


def test_a_gpu_that_paddle_does_not_take_is_an_error_not_a_run_on_the_cpu(
    model, machine, monkeypatch
):
    """``enable_use_gpu`` only logs that it cannot."""
    monkeypatch.setattr(RecordingConfig, "gpu_starts", False)
    with pytest.raises(UserError, match=r"--use_gpu=True: Paddle took the CPU instead"):
        PaddlePredictor(model, Options(use_gpu=True))
    assert machine == []


def test_inputs_are_fed_by_name_in_the_models_order(model, machine):
    runner = PaddlePredictor(model, Options(use_gpu=True))
    assert [spec.name for spec in runner.inputs] == ["input", "ids"]
    (output,) = runner.run([np.zeros([4, 3], "float32"), np.zeros([4], "int64")])
    assert output.shape == (4, 2)
    assert machine[-1][1] == {"input": ((4, 3), "float32"), "ids": ((4,), "int64")}


def test_the_runtime_says_what_runs(model, machine):
    runtime = PaddlePredictor(
        model, Options(use_gpu=True, enable_tensorrt=True, precision="fp16")
    ).runtime
    assert runtime["device"] == "gpu"
    assert runtime["TensorRT"] is True
    assert runtime["precision"] == "fp16"
    assert runtime["oneDNN"] is False
    assert PaddlePredictor(model, Options(use_gpu=True)).runtime["TensorRT"] is False


# TensorRT


@pytest.mark.parametrize("precision", list(PRECISIONS))
def test_tensorrt_at_each_precision(calls, precision):
    told = calls(use_gpu=True, enable_tensorrt=True, precision=precision, batch_size=32)
    workspace, largest, subgraph, chosen, static, calibrates = told["enable_tensorrt_engine"]
    assert workspace == 1 << 30
    assert largest == 32
    assert subgraph == 3
    assert chosen == PRECISIONS[precision]
    assert static is False
    assert calibrates is (precision == "int8")
    # What TensorRT leaves to Paddle stays in fp32.
    assert told["enable_use_gpu"] == (256, 0, PRECISIONS["fp32"])


def test_tensorrt_learns_all_shapes_first_and_is_then_tuned_to_them(model, machine):
    options = Options(use_gpu=True, enable_tensorrt=True, batch_size=64)
    runner = PaddlePredictor(model, options)
    kinds = [event[0] for event in machine]
    assert kinds == ["made", "run", "run", "given up", "made"]
    first, second = machine[0][1], machine[4][1]
    (shapes,) = first["collect_shape_range_info"]
    assert "enable_tensorrt_engine" not in first
    assert first["enable_use_gpu"] == second["enable_use_gpu"]
    assert second["enable_tuned_tensorrt_dynamic_shape"] == (shapes, True)
    assert "collect_shape_range_info" not in second
    fed = [event[1] for event in machine[1:3]]
    for rows, found in zip((1, 64), fed):
        assert found == {"input": ((rows, 3), "float32"), "ids": ((rows,), "int64")}
    # The shapes' file is there as long as the predictor, and no longer.
    assert machine[4][2]
    assert os.path.isdir(os.path.dirname(shapes))
    del runner
    gc.collect()
    assert not os.path.exists(os.path.dirname(shapes))


def test_tensorrt_takes_no_model_of_paddle_3(machine, tmp_path, monkeypatch):
    monkeypatch.setattr(paddle_predictor, "_PADDLE_3", True)
    model = ExportedModel(str(tmp_path / "m.json"), str(tmp_path / "m.pdiparams"))
    with pytest.raises(UserError) as caught:
        PaddlePredictor(model, Options(use_gpu=True, enable_tensorrt=True))
    assert str(caught.value) == (
        f"--enable_tensorRT=True takes a .pdmodel of Paddle 2.6, not {model.graph}"
    )
    assert machine == []


def test_onednn_is_not_for_a_gpu(model, machine):
    with pytest.raises(UserError, match="--enable_mkldnn=True is for the CPU, not for --use_gpu"):
        PaddlePredictor(model, Options(use_gpu=True, enable_mkldnn=True))
    assert machine == []


# oneDNN's precisions and other devices


@pytest.mark.parametrize(
    ("precision", "call"), [("bf16", "enable_mkldnn_bfloat16"), ("int8", "enable_mkldnn_int8")]
)
def test_precisions_of_onednn(calls, monkeypatch, precision, call):
    monkeypatch.setattr(paddle_predictor, "_quantised", lambda model: True)
    told = calls(enable_mkldnn=True, precision=precision)
    assert told["enable_mkldnn"] == ()
    assert told[call] == ()
    assert "disable_mkldnn" not in told


def test_an_xpu(calls):
    told = calls(use_xpu=True)
    assert told["enable_xpu"] == ()
    assert "disable_gpu" not in told


def test_an_npu(calls):
    assert calls(use_npu=True)["enable_custom_device"] == ("npu",)


# What is missing


@pytest.mark.parametrize(
    ("changes", "options", "message"),
    [
        (
            {"paddle.device.cuda.device_count": lambda: 0},
            {"use_gpu": True},
            "--use_gpu=True: this machine shows no CUDA device; "
            "look at nvidia-smi and CUDA_VISIBLE_DEVICES",
        ),
        (
            {"paddle.inference.get_trt_compile_version": lambda: (0, 0, 0)},
            {"use_gpu": True, "enable_tensorrt": True},
            "--enable_tensorRT=True: this Paddle is built without TensorRT; "
            "install a paddlepaddle-gpu wheel that has it",
        ),
        (
            {"paddle.inference.get_trt_runtime_version": lambda: (0, 0, 0)},
            {"use_gpu": True, "enable_tensorrt": True},
            "--enable_tensorRT=True: the TensorRT library is not found; install TensorRT 8.5.3",
        ),
    ],
)
def test_what_is_missing_is_said_before_a_device_is_touched(
    model, machine, monkeypatch, changes, options, message
):
    for name, value in changes.items():
        monkeypatch.setattr(name, value)
    with pytest.raises(UserError) as caught:
        PaddlePredictor(model, Options(**options))
    assert str(caught.value) == message
    assert machine == []


def test_a_tensorrt_library_that_cannot_be_loaded(machine, monkeypatch):
    def fails():
        raise RuntimeError("libnvinfer.so.8: cannot open\nC++ call stack")

    monkeypatch.setattr(inference, "get_trt_runtime_version", fails)
    assert device.lacks_tensorrt() == (
        "the TensorRT library is not found (libnvinfer.so.8: cannot open); install TensorRT 8.5.3"
    )


def test_nothing_is_missing_on_a_machine_that_has_it_all(machine):
    found = [device.lacks_gpu(), device.lacks_tensorrt(), device.lacks_xpu(), device.lacks_npu()]
    assert found == ["", "", "", ""]


# ONNX Runtime on a GPU


@pytest.mark.parametrize("starts", [True, False])
def test_onnx_runtime_on_a_gpu(monkeypatch, tmp_path, starts):
    onnxruntime = pytest.importorskip("onnxruntime")
    cuda, asked = "CUDAExecutionProvider", []

    class Session:
        def __init__(self, content, settings, providers):
            asked.append(providers)

        def get_providers(self):
            return [cuda, "CPUExecutionProvider"] if starts else ["CPUExecutionProvider"]

        def get_inputs(self):
            return [types.SimpleNamespace(name="input", type="tensor(float)", shape=["batch", 3])]

        def get_outputs(self):
            return [types.SimpleNamespace(name="out", type="tensor(int64)", shape=[None])]

    monkeypatch.setattr(onnxruntime, "get_available_providers", lambda: [cuda])
    monkeypatch.setattr(onnxruntime, "InferenceSession", Session)
    model = ExportedModel(str(tmp_path / "m.onnx"), None)
    if not starts:
        with pytest.raises(UserError, match="ONNX Runtime took the CPU, CUDAExecutionProvider did"):
            opening.open_predictor(model, Options(use_gpu=True))
        return
    runner = opening.open_predictor(model, Options(use_gpu=True))
    assert asked == [[cuda]]
    assert runner.runtime["device"] == "gpu"
    assert [(spec.shape, spec.dtype) for spec in runner.inputs] == [((None, 3), "float32")]
    assert [(spec.shape, spec.dtype) for spec in runner.outputs] == [((None,), "int64")]


# GPU memory and utilisation


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
    assert usage.figures() == {"gpu_rss(MB)": 512.0, "gpu_util(%)": 50.0}


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
    assert usage.figures() == {"gpu_rss(MB)": 3.0, "gpu_util(%)": 30.0}


def test_without_nvidias_library_the_report_says_what_to_install(monkeypatch):
    monkeypatch.setitem(sys.modules, "pynvml", None)
    with gpu_usage.GpuUsage() as usage:
        pass
    assert usage.figures()["gpu_rss(MB)"] == "not measured: pip install nvidia-ml-py"


@pytest.mark.parametrize("place", ["nvmlInit", "nvmlDeviceGetUtilizationRates"])
def test_what_the_gpu_does_not_tell_is_no_failure(nvml, place):
    def fails(*arguments):
        raise NvmlError("Not Supported")

    setattr(nvml, place, fails)
    with gpu_usage.GpuUsage() as usage:
        pass
    figures = usage.figures()
    assert figures["gpu_util(%)"] == "not measured: Not Supported"
    if place != "nvmlInit":
        assert figures["gpu_rss(MB)"] == 512.0


def test_a_run_on_a_gpu_reports_its_memory(model, machine, nvml):
    runner = PaddlePredictor(model, Options(use_gpu=True))

    class Source:
        def batches(self, epoch):
            yield [np.zeros([2, 3], "float32"), np.zeros([2], "int64")]

    result = run_inference.run(runner, Source(), None, 0, 1)
    assert result.device_usage == {"gpu_rss(MB)": 512.0, "gpu_util(%)": 50.0}
    runner.runtime["device"] = "cpu"
    assert run_inference.run(runner, Source(), None, 0, 1).device_usage == {}
