"""Selects Paddle's device, and explains why a device is not available.

The checks come before the device is used. Without a GPU, ``set_device("gpu")`` ends the process.
In a CPU build, ``Config.enable_use_gpu`` silently runs on the CPU. On a card for which a GPU build
has no kernels, Paddle launches nothing, and the results are what the memory held before.
"""

from __future__ import annotations

import functools
import logging
from typing import Any

import numpy as np

from engine.system.errors import UserError, paddle_reason

logger = logging.getLogger(__name__)


def select_device(use_gpu: bool | None) -> str:
    """Sets Paddle's device and returns its name, ``cpu`` or ``gpu``.

    Args:
        use_gpu: ``runner.use_gpu``; None selects the GPU if there is one that computes correctly.

    Raises:
        UserError: ``use_gpu`` is True, and no GPU is available or it computes wrongly.
    """
    import paddle

    absent = _absent_gpu()
    fault = "" if absent or use_gpu is False else _gpu_fault()
    if use_gpu and (absent or fault):
        raise UserError(f"runner.use_gpu = True: {absent or fault}, or set -o runner.use_gpu=False")
    if fault:
        _warn_once(f"runner.use_gpu is not set, and the CPU is used: {fault}")
    device = "cpu" if absent or fault or use_gpu is False else "gpu"
    if device == "gpu":
        allow_tf32(False)
    paddle.set_device(device)
    return device


def allow_tf32(allowed: bool) -> None:
    """Sets whether products and convolutions on a GPU may round their inputs to TF32's 10 bits.

    Paddle 2.6 allows it for both by default, Paddle 3 for convolutions.
    """
    from paddle.base import core

    core.set_cublas_switch(allowed)
    core.set_cudnn_switch(allowed)


def lacks_gpu() -> str:
    """Returns what is missing for Paddle on a GPU, or '' if nothing is."""
    return _absent_gpu() or _gpu_fault()


def _absent_gpu() -> str:
    import paddle

    if not paddle.is_compiled_with_cuda():
        return "this Paddle is built for the CPU; install requirements-gpu.txt"
    if not paddle.device.cuda.device_count():
        return "this machine shows no CUDA device; look at nvidia-smi and CUDA_VISIBLE_DEVICES"
    return ""


@functools.cache
def _gpu_fault() -> str:
    """Returns why the GPU computes wrongly, or ''; Paddle itself does not say so."""
    import paddle

    problem = _calculation_fault()
    if not problem:
        return ""
    card = paddle.device.cuda.get_device_name()
    capability = ".".join(map(str, paddle.device.cuda.get_device_capability()))
    return (
        f"Paddle {problem} on {card} (compute capability {capability}) with paddlepaddle-gpu "
        f"{paddle.__version__} (CUDA {paddle.version.cuda()}); if it has no kernels for this card, "
        "install a build that has: Paddle's own package index offers Paddle 3 for CUDA 12"
    )


def _calculation_fault() -> str:
    """Runs kernels of Paddle and of cuBLAS on the GPU; returns what is wrong, or ''.

    All numbers are small integers, so the result is exact in any order of the sums and in TF32.
    """
    import paddle
    from paddle.base import dygraph

    left = np.arange(32 * 48).reshape(32, 48) % 7
    right = np.arange(48 * 16).reshape(48, 16) % 5
    expected = np.maximum((left + 1) @ right - 380, 0).sum(axis=0)
    before = paddle.get_device()
    try:
        # The guard also works inside of a static program.
        with dygraph.guard(paddle.set_device("gpu")):
            tensors = [paddle.to_tensor(array.astype("float32")) for array in (left, right)]
            product = paddle.matmul(tensors[0] + 1, tensors[1])
            found = paddle.nn.functional.relu(product - 380).sum(axis=0).numpy()
    except Exception as error:  # Paddle's kernels raise many kinds of exceptions
        return f"fails at a small product ({paddle_reason(error)})"
    finally:
        paddle.set_device(before)
    return "" if np.array_equal(found, expected) else "computes a small product wrongly"


@functools.cache
def _warn_once(message: str) -> None:
    """Logs a warning; a run selects its device for each of its programs."""
    logger.warning(message)


def lacks_tensorrt() -> str:
    """Returns what is missing for TensorRT, or '' if nothing is."""
    from paddle import inference

    if inference.get_trt_compile_version() == (0, 0, 0):
        return "this Paddle is built without TensorRT; install a paddlepaddle-gpu wheel that has it"
    try:
        version, reason = inference.get_trt_runtime_version(), ""
    except Exception as error:  # Paddle loads libnvinfer here and documents no exception
        version, reason = (0, 0, 0), str(error).strip()
    if version == (0, 0, 0):
        required = ".".join(map(str, inference.get_trt_compile_version()))
        details = f" ({reason.splitlines()[0]})" if reason else ""
        return f"the TensorRT library is not found{details}; install TensorRT {required}"
    return ""


def lacks_xpu() -> str:
    """Returns what is missing for a Kunlun XPU, or '' if nothing is."""
    import paddle

    if not paddle.is_compiled_with_xpu():
        return "this Paddle is built without XPU; install Paddle's wheel for Kunlun XPU"
    return ""


def lacks_npu() -> str:
    """Returns what is missing for an Ascend NPU, or '' if nothing is."""
    import paddle

    if "npu" not in paddle.device.get_all_custom_device_type():
        return "this Paddle has no NPU plug-in; install paddle-custom-npu"
    return ""


def current_place() -> Any:
    """Returns Paddle's place of the current device, for values of a scope's variables."""
    import paddle

    return paddle.CUDAPlace(0) if paddle.get_device().startswith("gpu") else paddle.CPUPlace()
