"""Runs a model with Paddle Inference, on Paddle 3 and 2.6."""

from __future__ import annotations

import logging
import os
import tempfile
from collections.abc import Sequence

import numpy as np
import paddle
from paddle import inference

from engine.deployment.exported_model import graph_files
from engine.deployment.exported_model.model import ExportedModel
from engine.deployment.predictors.predictor import Options, batch_error, match_tensors
from engine.system import device
from engine.system.errors import UserError, paddle_reason

logger = logging.getLogger(__name__)

_PADDLE_3 = not paddle.__version__.startswith("2.")
_GPU_POOL_MB = 256  # the initial size of Paddle's memory pool, which grows
_TRT_WORKSPACE = 1 << 30  # bytes
_TRT_MIN_SUBGRAPH = 3  # operators; a smaller subgraph costs more to transfer than it saves


class PaddlePredictor:
    """A `engine.deployment.predictors.predictor.Predictor` that uses Paddle Inference.

    Args:
        model: the model, in one of Paddle's formats.
        options: how to run it.

    Raises:
        UserError: this Paddle, this machine or the model does not support an option, or the model
            cannot be loaded.
    """

    engine = "paddle"

    def __init__(self, model: ExportedModel, options: Options):
        _check_support(model, options)
        graph_files.check_operators(model.graph)
        inputs, outputs = graph_files.read_tensors(model.graph)
        self.inputs = match_tensors(model.inputs, inputs, model.graph)
        self.outputs = match_tensors(model.outputs, outputs, model.graph)
        if options.use_gpu:
            device.allow_tf32(options.precision == "tf32")
        config = create_config(model, options)
        if options.enable_tensorrt:
            if options.precision == "int8":
                logger.warning(
                    "TensorRT int8: if there is no calibration table in _opt_cache beside the "
                    "model, this run calibrates at full precision and the next run uses int8"
                )
            elif options.precision == "fp32" and "NVIDIA_TF32_OVERRIDE" not in os.environ:
                logger.warning(
                    "TensorRT may compute fp32 in TF32, which rounds to 10 bits; "
                    "NVIDIA_TF32_OVERRIDE=0 in the environment forbids it"
                )
            # Kept as long as the predictor: TensorRT updates the shapes for a larger batch.
            self._folder = tempfile.TemporaryDirectory()
            shapes = os.path.join(self._folder.name, "shapes.pbtxt")
            self._collect_shapes(model, options, shapes)
            _enable_tensorrt(config, options, shapes)
        self._open(model, config)
        self.runtime = {
            "engine": f"Paddle Inference {paddle.__version__}",
            "device": options.device,
            "precision": options.precision,
            "oneDNN": config.mkldnn_enabled(),
            "TensorRT": config.tensorrt_engine_enabled(),
            "CPU threads": config.cpu_math_library_num_threads(),
        }

    def _open(self, model: ExportedModel, config: inference.Config) -> None:
        try:
            self._predictor = inference.create_predictor(config)
        except Exception as error:  # Paddle's parsers raise many kinds of exceptions
            raise UserError(f"{model.graph} cannot be loaded: {paddle_reason(error)}") from error
        input_names = self._predictor.get_input_names()
        missing = [spec.name for spec in self.inputs if spec.name not in input_names]
        if missing:
            raise UserError(f"{model.graph} has no input {missing[0]}; export the model again")
        self._feeds = [self._predictor.get_input_handle(spec.name) for spec in self.inputs]
        output_names = self._predictor.get_output_names()
        self._fetches = [self._predictor.get_output_handle(name) for name in output_names]

    def _collect_shapes(self, model: ExportedModel, options: Options, path: str) -> None:
        """Runs the smallest and the largest batch without TensorRT and writes the shapes found."""
        config = create_config(model, options)
        config.collect_shape_range_info(path)
        self._open(model, config)
        for rows in (1, options.batch_size):
            self.run([np.zeros([rows, *spec.shape[1:]], spec.dtype) for spec in self.inputs])
        del self._predictor, self._feeds, self._fetches  # Paddle writes the file here

    def run(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Returns the outputs for a batch. Only one thread may call it at a time."""
        for feed, array in zip(self._feeds, arrays):
            feed.copy_from_cpu(array)
        try:
            self._predictor.run()
        except Exception as error:  # Paddle's kernels raise many kinds of exceptions
            raise batch_error(self.inputs, arrays, paddle_reason(error)) from error
        return [fetch.copy_to_cpu() for fetch in self._fetches]


def create_config(model: ExportedModel, options: Options) -> inference.Config:
    """Returns Paddle's configuration for a model, without TensorRT."""
    config = inference.Config(model.graph, model.parameters)
    config.disable_glog_info()
    config.set_cpu_math_library_num_threads(options.cpu_threads)
    if options.use_gpu:
        # TensorRT gets the precision; operators that it leaves to Paddle run in fp32.
        precision = "fp32" if options.enable_tensorrt else options.precision
        config.enable_use_gpu(_GPU_POOL_MB, 0, _precision_type(precision))
        if not config.use_gpu():
            raise UserError("--use_gpu=True: Paddle would use the CPU; see Paddle's own log")
    elif options.use_xpu:
        config.enable_xpu()
    elif options.use_npu:
        config.enable_custom_device("npu")
    else:
        config.disable_gpu()
    if options.enable_mkldnn:
        config.enable_mkldnn()
        if options.precision == "bf16":
            config.enable_mkldnn_bfloat16()
        elif options.precision == "int8":
            config.enable_mkldnn_int8()
    else:
        config.disable_mkldnn()  # Paddle's default is on
    if model.graph.endswith(".json"):
        # On 3.3, enable_memory_optim fails for these files without the other two.
        config.enable_new_ir(True)
        config.enable_new_executor(True)
    config.enable_memory_optim()
    return config


def _enable_tensorrt(config: inference.Config, options: Options, shapes: str) -> None:
    config.enable_tensorrt_engine(
        workspace_size=_TRT_WORKSPACE,
        max_batch_size=options.batch_size,
        min_subgraph_size=_TRT_MIN_SUBGRAPH,
        precision_mode=_precision_type(options.precision),
        use_static=False,
        use_calib_mode=options.precision == "int8",
    )
    config.enable_tuned_tensorrt_dynamic_shape(shapes, True)


def _precision_type(precision: str) -> inference.PrecisionType:
    return {
        "fp32": inference.PrecisionType.Float32,
        "tf32": inference.PrecisionType.Float32,  # how fp32 is computed: device.allow_tf32
        "fp16": inference.PrecisionType.Half,
        "bf16": inference.PrecisionType.Bfloat16,
        "int8": inference.PrecisionType.Int8,
    }[precision]


def _check_support(model: ExportedModel, options: Options) -> None:
    """Checks that this Paddle, this machine and the model support the options.

    It does so before anything uses a device.
    """
    checks = {
        "use_gpu": (options.use_gpu, device.lacks_gpu),
        "use_xpu": (options.use_xpu, device.lacks_xpu),
        "use_npu": (options.use_npu, device.lacks_npu),
        "enable_tensorRT": (options.enable_tensorrt, device.lacks_tensorrt),
    }
    for name, (enabled, find_problem) in checks.items():
        problem = find_problem() if enabled else ""
        if problem:
            raise UserError(f"--{name}=True: {problem}")
    is_pir = model.graph.endswith(".json")
    if is_pir and not _PADDLE_3:  # Paddle 2 would crash without an exception
        raise UserError(
            f"{model.graph} was exported by Paddle 3, but this is Paddle {paddle.__version__}; "
            "export the model again here, or install Paddle 3"
        )
    if is_pir and options.enable_tensorrt:
        raise UserError(
            f"--enable_tensorRT=True needs a .pdmodel of Paddle 2.6, found {model.graph}"
        )
    _check_precision(model, options)


def _check_precision(model: ExportedModel, options: Options) -> None:
    precision, on_cpu = options.precision, options.device == "cpu"
    if model.graph.endswith(".json") and on_cpu and precision in ("bf16", "int8"):
        # Paddle 3.3 lacks the operators.
        raise UserError(
            f"--precision {precision} on a CPU needs a .pdmodel of Paddle 2.6, found {model.graph}"
        )
    if options.enable_mkldnn and not on_cpu:
        raise UserError(f"--enable_mkldnn=True runs on the CPU, not with --use_{options.device}")
    if precision in ("bf16", "int8") and on_cpu and not options.enable_mkldnn:
        raise UserError(f"--precision {precision} on a CPU needs --enable_mkldnn=True")
    if precision == "fp16" and on_cpu:
        raise UserError("--precision fp16 needs --use_gpu=True; a CPU supports fp32 and bf16")
    if precision == "int8" and options.use_gpu and not options.enable_tensorrt:
        # Paddle's enable_use_gpu refuses int8.
        raise UserError("--precision int8 on a GPU needs --enable_tensorRT=True")
    if precision == "int8" and not options.enable_tensorrt and not _is_quantised(model):
        raise UserError(
            f"--precision int8: {model.graph} is not quantised; quantise it with PaddleSlim, or "
            "calibrate it with TensorRT (--use_gpu=True --enable_tensorRT=True)"
        )


def _is_quantised(model: ExportedModel) -> bool:
    # Searching the file's text would not do: every .pdmodel names all quantising operators.
    return any("quantize" in name for name in graph_files.read_operators(model.graph))
