"""Selects Paddle's device, and explains why a device is not available.

The checks come before the device is used. Without a GPU, ``set_device("gpu")`` ends the process.
In a CPU build, ``Config.enable_use_gpu`` silently runs on the CPU.
"""

from __future__ import annotations

from engine.system.errors import UserError


def select_device(use_gpu: bool | None) -> str:
    """Sets Paddle's device and returns its name, ``cpu`` or ``gpu``.

    Args:
        use_gpu: ``runner.use_gpu``; None selects the GPU if it is available.

    Raises:
        UserError: ``use_gpu`` is True and no GPU is available.
    """
    import paddle

    missing = lacks_gpu()
    if use_gpu and missing:
        raise UserError(f"runner.use_gpu = True: {missing}, or set -o runner.use_gpu=False")
    device = "cpu" if missing or use_gpu is False else "gpu"
    paddle.set_device(device)
    return device


def lacks_gpu() -> str:
    """Returns what is missing for Paddle on a GPU, or '' if nothing is."""
    import paddle

    if not paddle.is_compiled_with_cuda():
        return "this Paddle is built for the CPU; install requirements-gpu.txt"
    if not paddle.device.cuda.device_count():
        return "this machine shows no CUDA device; look at nvidia-smi and CUDA_VISIBLE_DEVICES"
    return ""


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
