"""The choice of a device, with a stand-in for a GPU that computes on the CPU.

Measured on an H100 with paddlepaddle-gpu 2.6.2, which has no kernels for it: Paddle launches
nothing, reports nothing, and the results are what the memory held. The stand-in does the same with
one operator.
"""

import logging
from pathlib import Path

import paddle
import pytest

from engine.deployment.predictors import paddle_predictor
from engine.system import device
from engine.system.errors import UserError

ROOT = Path(__file__).resolve().parents[3]
CARD = "NVIDIA H100 80GB HBM3"
FAULT = (
    f"Paddle {{}} on {CARD} (compute capability 9.0) with paddlepaddle-gpu {paddle.__version__} "
    "(CUDA 11.8); if it has no kernels for this card, install a build that has: Paddle's own "
    "package index offers Paddle 3 for CUDA 12"
)
WRONG = FAULT.format("computes a small product wrongly")


@pytest.fixture
def gpu(monkeypatch):
    """A GPU build and one card; returns the devices and switches that are set."""
    events = []
    set_device = paddle.set_device

    def record(name):
        events.append(name)
        return set_device("cpu")

    monkeypatch.setattr(paddle, "is_compiled_with_cuda", lambda: True)
    monkeypatch.setattr(paddle.device.cuda, "device_count", lambda: 1)
    # paddle.seed would seed as many.
    monkeypatch.setattr(paddle.base.core, "get_cuda_device_count", lambda: 0, raising=False)
    monkeypatch.setattr(paddle.device.cuda, "get_device_name", lambda: CARD)
    monkeypatch.setattr(paddle.device.cuda, "get_device_capability", lambda: (9, 0))
    monkeypatch.setattr(paddle.version, "cuda", lambda: "11.8")
    monkeypatch.setattr(paddle, "set_device", record)
    for switch in ("set_cublas_switch", "set_cudnn_switch"):
        change = lambda on, name=switch: events.append((name, on))  # noqa: E731
        monkeypatch.setattr(paddle.base.core, switch, change, raising=False)
    device._gpu_fault.cache_clear()
    device._warn_once.cache_clear()
    yield events
    device._gpu_fault.cache_clear()


@pytest.fixture
def without_kernel(gpu, monkeypatch):
    """Takes an operator's kernel from the GPU: its output keeps what the memory held."""

    def remove(module, name):
        real = getattr(module, name)

        def operator(tensor, *arguments):
            on_gpu = gpu[-1] == "gpu"
            return paddle.full_like(tensor, 7.0) if on_gpu else real(tensor, *arguments)

        monkeypatch.setattr(module, name, operator)
        return gpu

    return remove


@pytest.fixture
def broken(without_kernel):
    """The GPU without the kernel of one operator."""
    return without_kernel(paddle, "matmul")


def test_a_gpu_that_computes_correctly_is_used_without_tf32(gpu):
    for use_gpu in (True, None):
        gpu.clear()
        assert device.select_device(use_gpu) == "gpu"
        assert gpu[-3:] == [("set_cublas_switch", False), ("set_cudnn_switch", False), "gpu"]
    assert device.lacks_gpu() == ""


@pytest.mark.parametrize("operator", [(paddle, "matmul"), (paddle.nn.functional, "relu")])
def test_a_gpu_that_computes_wrongly_is_refused_in_one_line(gpu, without_kernel, operator):
    without_kernel(*operator)  # of cuBLAS, of Paddle itself
    with pytest.raises(UserError) as caught:
        device.select_device(True)
    assert str(caught.value) == (f"runner.use_gpu = True: {WRONG}, or set -o runner.use_gpu=False")
    assert device.lacks_gpu() == WRONG
    assert gpu[-1] == paddle.get_device() == "cpu"


def test_the_default_then_takes_the_cpu_with_one_warning(broken, caplog):
    assert [device.select_device(None) for _ in range(3)] == ["cpu"] * 3
    messages = [each.getMessage() for each in caplog.records if each.levelno == logging.WARNING]
    assert messages == [f"runner.use_gpu is not set, and the CPU is used: {WRONG}"]


def test_a_cpu_run_does_not_touch_the_gpu(broken):
    assert device.select_device(False) == "cpu"
    assert broken == ["cpu"]


def test_an_error_of_a_kernel_is_part_of_the_line(gpu, monkeypatch):
    def fails(*arguments):
        raise OSError("C++ traceback\n(External) CUDA error(209), no kernel image.\n[Hint: x]")

    monkeypatch.setattr(paddle, "matmul", fails)
    problem = "fails at a small product ((External) CUDA error(209), no kernel image.)"
    assert device.lacks_gpu() == FAULT.format(problem)


def test_the_check_leaves_a_static_program_as_it_was(gpu):
    paddle.enable_static()
    main, startup = paddle.static.Program(), paddle.static.Program()
    with paddle.static.program_guard(main, startup):
        assert device.select_device(None) == "gpu"
        assert not paddle.in_dynamic_mode()
        assert len(main.global_block().ops) == 0


def test_training_takes_the_cpu_and_every_command_refuses_the_gpu(broken, run_command, tmp_path):
    yaml = ROOT / "models" / "multitask" / "mmoe" / "config.yaml"
    output, other = tmp_path / "output", tmp_path / "other"
    options = ["runner.epochs=1", "runner.infer_end_epoch=1", "runner.train_batch_size=64"]
    options += [f"runner.infer_load_path={output}"]

    def run(command, folder, use_gpu):
        gpu = [f"runner.model_save_path={folder}", f"runner.use_gpu={use_gpu}"]
        return run_command(command, "-m", yaml, "-o", *options, *gpu)

    done = run("trainer", output, "null")
    assert done.code == 0
    assert done.stderr.count(WRONG) == 1
    assert (output / "0" / "rec.pdparams").is_file()
    before = sorted(output.rglob("*"))
    for command in ("trainer", "static_trainer", "infer", "static_infer", "to_static"):
        done = run(command, other if "trainer" in command else output, True)
        assert done.code == 2
        assert done.stderr.splitlines()[-1].startswith(f"error: runner.use_gpu = True: {WRONG}, ")
    assert sorted(output.rglob("*")) == before
    assert not list(other.glob("[!.]*"))


def test_paddle_inference_refuses_it(broken, tmp_path):
    options = paddle_predictor.Options(use_gpu=True)
    model = paddle_predictor.ExportedModel(str(tmp_path / "m.json"), None)
    with pytest.raises(UserError) as caught:
        paddle_predictor.PaddlePredictor(model, options)
    assert str(caught.value) == f"--use_gpu=True: {WRONG}"
