"""The calls to Paddle Inference for GPUs, TensorRT, XPUs and NPUs, on any build and machine.

The configuration here records its calls and forwards them to Paddle's own, which checks names and
types of the arguments. Errors about devices that a CPU build lacks are ignored. tests/gpu runs the
models on a GPU.
"""

import gc
import os

import numpy as np
import paddle
import pytest
from paddle import inference
from recording_predictor import RecordingConfig, RecordingPredictor

from engine.deployment.exported_model.model import ExportedModel
from engine.deployment.predictors import paddle_predictor
from engine.deployment.predictors.paddle_predictor import PaddlePredictor
from engine.deployment.predictors.predictor import Options
from engine.system import device
from engine.system.errors import UserError

PRECISIONS = {
    "fp32": inference.PrecisionType.Float32,
    "fp16": inference.PrecisionType.Half,
    "bf16": inference.PrecisionType.Bfloat16,
    "int8": inference.PrecisionType.Int8,
}


@pytest.fixture
def model(write_pdmodel, tmp_path):
    """A model in Paddle 2's format, the only one that TensorRT accepts."""
    path = tmp_path / "m.pdmodel"
    inputs = [("input", [-1, 3], "FP32"), ("ids", [-1], "INT64")]
    write_pdmodel(path, inputs, [("out", [-1, 2], "FP32")])
    (tmp_path / "m.pdiparams").write_bytes(b"")
    return ExportedModel(str(path), str(tmp_path / "m.pdiparams"))


@pytest.fixture
def machine(monkeypatch):
    """A machine with a GPU, TensorRT, an XPU and an NPU; returns the events of its predictors."""
    events = []
    monkeypatch.setattr(paddle, "is_compiled_with_cuda", lambda: True)
    monkeypatch.setattr(paddle.device.cuda, "device_count", lambda: 1)
    monkeypatch.setattr(device, "_gpu_fault", lambda: "")
    monkeypatch.setattr(device, "allow_tf32", lambda on: None)
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
    """Returns the calls to the configuration for some options."""

    def made(**options):
        PaddlePredictor(model, Options(**options))
        return [event[1] for event in machine if event[0] == "created"][-1]

    return made


@pytest.mark.parametrize("precision", ["fp32", "fp16", "bf16"])
def test_a_gpu_at_each_precision(calls, precision):
    calls_made = calls(use_gpu=True, precision=precision)
    assert calls_made["enable_use_gpu"] == (256, 0, PRECISIONS[precision])
    assert "enable_tensorrt_engine" not in calls_made
    assert "disable_gpu" not in calls_made
    assert calls_made["enable_memory_optim"] == ()


@pytest.mark.parametrize(("precision", "allowed"), [("fp32", False), ("tf32", True)])
def test_tf32_is_off_unless_it_is_asked_for(calls, monkeypatch, precision, allowed):
    switches = []
    monkeypatch.setattr(device, "allow_tf32", switches.append)
    assert calls(use_gpu=True, precision=precision)["enable_use_gpu"][2] == PRECISIONS["fp32"]
    assert switches == [allowed]


def test_int8_on_a_gpu_needs_tensorrt(model, machine):
    """Paddle's ``enable_use_gpu`` refuses int8, also for a quantised model."""
    with pytest.raises(UserError, match="on a GPU needs --enable_tensorRT=True"):
        PaddlePredictor(model, Options(use_gpu=True, precision="int8"))
    assert machine == []


def test_a_cpu_run_disables_the_gpu(calls):
    calls_made = calls()
    assert "disable_gpu" in calls_made
    assert "disable_mkldnn" in calls_made
    assert not [name for name in calls_made if name.startswith("enable_") and "gpu" in name]


def test_a_gpu_that_paddle_does_not_use_is_an_error(model, machine, monkeypatch):
    """``enable_use_gpu`` only logs that it cannot."""
    monkeypatch.setattr(RecordingConfig, "gpu_starts", False)
    with pytest.raises(UserError, match=r"--use_gpu=True: Paddle would use the CPU"):
        PaddlePredictor(model, Options(use_gpu=True))
    assert machine == []


def test_inputs_are_fed_by_name_in_the_models_order(model, machine):
    runner = PaddlePredictor(model, Options(use_gpu=True))
    assert [spec.name for spec in runner.inputs] == ["input", "ids"]
    (output,) = runner.run([np.zeros([4, 3], "float32"), np.zeros([4], "int64")])
    assert output.shape == (4, 2)
    assert machine[-1][1] == {"input": ((4, 3), "float32"), "ids": ((4,), "int64")}


def test_the_runtime_names_device_and_precision(model, machine):
    runtime = PaddlePredictor(
        model, Options(use_gpu=True, enable_tensorrt=True, precision="fp16")
    ).runtime
    assert runtime["device"] == "gpu"
    assert runtime["TensorRT"] is True
    assert runtime["precision"] == "fp16"
    assert runtime["oneDNN"] is False
    assert PaddlePredictor(model, Options(use_gpu=True)).runtime["TensorRT"] is False


@pytest.mark.parametrize("precision", list(PRECISIONS))
def test_tensorrt_at_each_precision(calls, precision, caplog):
    calls_made = calls(use_gpu=True, enable_tensorrt=True, precision=precision, batch_size=32)
    workspace, largest, subgraph, chosen, static, calibrates = calls_made["enable_tensorrt_engine"]
    assert workspace == 1 << 30
    assert largest == 32
    assert subgraph == 3
    assert chosen == PRECISIONS[precision]
    assert static is False
    assert calibrates is (precision == "int8")
    # What TensorRT leaves to Paddle stays in fp32.
    assert calls_made["enable_use_gpu"] == (256, 0, PRECISIONS["fp32"])
    assert ("TensorRT may compute fp32 in TF32" in caplog.text) is (precision == "fp32")


def test_tensorrt_collects_shapes_before_it_is_enabled(model, machine):
    options = Options(use_gpu=True, enable_tensorrt=True, batch_size=64)
    runner = PaddlePredictor(model, options)
    kinds = [event[0] for event in machine]
    assert kinds == ["created", "run", "run", "deleted", "created"]
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


def test_tensorrt_refuses_a_model_of_paddle_3(machine, tmp_path, monkeypatch):
    monkeypatch.setattr(paddle_predictor, "_PADDLE_3", True)
    model = ExportedModel(str(tmp_path / "m.json"), str(tmp_path / "m.pdiparams"))
    with pytest.raises(UserError) as caught:
        PaddlePredictor(model, Options(use_gpu=True, enable_tensorrt=True))
    assert str(caught.value) == (
        f"--enable_tensorRT=True needs a .pdmodel of Paddle 2.6, found {model.graph}"
    )
    assert machine == []


def test_onednn_on_a_gpu_is_refused(model, machine):
    with pytest.raises(UserError, match="--enable_mkldnn=True runs on the CPU, not with --use_gpu"):
        PaddlePredictor(model, Options(use_gpu=True, enable_mkldnn=True))
    assert machine == []


@pytest.mark.parametrize(
    ("precision", "call"), [("bf16", "enable_mkldnn_bfloat16"), ("int8", "enable_mkldnn_int8")]
)
def test_precisions_of_onednn(calls, monkeypatch, precision, call):
    monkeypatch.setattr(paddle_predictor, "_is_quantised", lambda model: True)
    calls_made = calls(enable_mkldnn=True, precision=precision)
    assert calls_made["enable_mkldnn"] == ()
    assert calls_made[call] == ()
    assert "disable_mkldnn" not in calls_made


def test_an_xpu(calls):
    calls_made = calls(use_xpu=True)
    assert calls_made["enable_xpu"] == ()
    assert "disable_gpu" not in calls_made


def test_an_npu(calls):
    assert calls(use_npu=True)["enable_custom_device"] == ("npu",)


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
def test_missing_devices_are_reported_before_a_device_is_used(
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


def test_a_machine_with_all_devices_lacks_nothing(machine):
    found = [device.lacks_gpu(), device.lacks_tensorrt(), device.lacks_xpu(), device.lacks_npu()]
    assert found == ["", "", "", ""]
