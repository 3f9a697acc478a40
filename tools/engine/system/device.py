"""Which device a run uses, and one line that says what is missing where it cannot be had.

Every question is asked of Paddle's build before a device is touched: ``set_device("gpu")``
without a GPU ends the process, and ``Config.enable_use_gpu`` of a CPU build runs on the CPU
without a word.
"""

from __future__ import annotations

from engine.system.errors import UserError


def select_device(use_gpu: bool | None) -> str:
    """Sets Paddle's device for training and returns its name, ``cpu`` or ``gpu``.

    Args:
        use_gpu: True or False, or None for the GPU if this build and machine have one.

    Raises:
        UserError: a GPU is asked for and cannot be had.
    """
    import paddle

    lacking = lacks_gpu()
    if use_gpu and lacking:
        raise UserError(f"runner.use_gpu = True: {lacking}, or set -o runner.use_gpu=False")
    device = "cpu" if lacking or use_gpu is False else "gpu"
    paddle.set_device(device)
    return device


def lacks_gpu() -> str:
    """Returns what is missing for running Paddle on a GPU, or an empty text."""
    import paddle

    if not paddle.is_compiled_with_cuda():
        return "this Paddle is built for the CPU; install requirements-gpu.txt"
    if not paddle.device.cuda.device_count():
        return "this machine shows no CUDA device; look at nvidia-smi and CUDA_VISIBLE_DEVICES"
    return ""


def lacks_tensorrt() -> str:
    """Returns what is missing for TensorRT, or an empty text."""
    from paddle import inference

    if inference.get_trt_compile_version() == (0, 0, 0):
        return "this Paddle is built without TensorRT; install a paddlepaddle-gpu wheel that has it"
    try:
        found = inference.get_trt_runtime_version()
    except Exception as error:  # Paddle loads libnvinfer here, and fails in its own ways
        found, reason = (0, 0, 0), f" ({str(error).strip().splitlines()[0]})" if str(error) else ""
    else:
        reason = ""
    if found == (0, 0, 0):
        wanted = ".".join(map(str, inference.get_trt_compile_version()))
        return f"the TensorRT library is not found{reason}; install TensorRT {wanted}"
    return ""


def lacks_xpu() -> str:
    """Returns what is missing for a Kunlun XPU, or an empty text."""
    import paddle

    if not paddle.is_compiled_with_xpu():
        return "this Paddle is built without XPU; install Paddle's wheel for Kunlun XPU"
    return ""


def lacks_npu() -> str:
    """Returns what is missing for an Ascend NPU, or an empty text."""
    import paddle

    if "npu" not in paddle.device.get_all_custom_device_type():
        return "this Paddle has no NPU plug-in; install paddle-custom-npu"
    return ""
