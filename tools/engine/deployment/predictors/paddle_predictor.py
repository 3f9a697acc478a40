"""Paddle Inference, on Paddle 3 and 2.6."""

from __future__ import annotations

import logging
import os
import re
import tempfile
from collections.abc import Sequence

import numpy as np
import paddle
from paddle import inference

from engine.deployment.exported_model import graph_files
from engine.deployment.exported_model.model_files import ExportedModel
from engine.deployment.predictors.predictor import Options, failed, named
from engine.system import device
from engine.system.errors import UserError

logger = logging.getLogger(__name__)

_PADDLE_3 = not paddle.__version__.startswith("2.")
_GPU_POOL_MB = 256  # what Paddle reserves at first; it grows
_TRT_WORKSPACE = 1 << 30  # bytes
_TRT_MIN_SUBGRAPH = 3  # operators: smaller pieces cost more to hand over than they save


class PaddlePredictor:
    """Runs a model by Paddle Inference; see `engine.deployment.predictors.predictor.Predictor`."""

    engine = "paddle"

    def __init__(self, model: ExportedModel, options: Options):
        _check(model, options)
        inputs, outputs = graph_files.tensors(model.graph)
        self.inputs = named(model.inputs, inputs, model.graph)
        self.outputs = named(model.outputs, outputs, model.graph)
        config = create_config(model, options)
        if options.enable_tensorrt:
            if options.precision == "int8":
                logger.warning(
                    "int8 by TensorRT: without a calibration table in _opt_cache beside the model "
                    "this run only calibrates, at full precision; the next one runs int8"
                )
            # Kept as long as the predictor: TensorRT widens the shapes when a batch is larger.
            self._folder = tempfile.TemporaryDirectory()
            shapes = os.path.join(self._folder.name, "shapes.pbtxt")
            self._collect_shapes(model, options, shapes)
            _enable_tensorrt(config, options, shapes)
        self._open(model, config)
        self.runtime = {
            "engine": f"Paddle Inference {paddle.__version__}",
            "device": _device(options),
            "precision": options.precision,
            "oneDNN": config.mkldnn_enabled(),
            "TensorRT": config.tensorrt_engine_enabled(),
            "CPU threads": config.cpu_math_library_num_threads(),
        }

    def _open(self, model: ExportedModel, config: inference.Config) -> None:
        try:
            self._predictor = inference.create_predictor(config)
        except Exception as error:  # Paddle's parsers raise all kinds
            raise UserError(f"{model.graph} cannot be loaded: {_reason(error)}") from error
        found = self._predictor.get_input_names()
        absent = [spec.name for spec in self.inputs if spec.name not in found]
        if absent:
            raise UserError(f"{model.graph} has no input {absent[0]}; export it anew")
        self._feeds = [self._predictor.get_input_handle(spec.name) for spec in self.inputs]
        names = self._predictor.get_output_names()
        self._fetches = [self._predictor.get_output_handle(name) for name in names]

    def _collect_shapes(self, model: ExportedModel, options: Options, path: str) -> None:
        """Runs the smallest and the largest batch without TensorRT, to learn all shapes."""
        config = create_config(model, options)
        config.collect_shape_range_info(path)
        self._open(model, config)
        for rows in (1, options.batch_size):
            self.run([np.zeros([rows, *spec.shape[1:]], spec.dtype) for spec in self.inputs])
        del self._predictor, self._feeds, self._fetches  # the shapes are written here

    def run(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Returns the outputs for a batch; one thread at a time."""
        for feed, array in zip(self._feeds, arrays):
            feed.copy_from_cpu(array)
        try:
            self._predictor.run()
        except Exception as error:  # Paddle's kernels raise all kinds
            raise failed(self.inputs, arrays, _reason(error)) from error
        return [fetch.copy_to_cpu() for fetch in self._fetches]


def create_config(model: ExportedModel, options: Options) -> inference.Config:
    """Returns Paddle's configuration for a model, but for TensorRT."""
    config = inference.Config(model.graph, model.parameters)
    config.disable_glog_info()
    config.set_cpu_math_library_num_threads(options.cpu_threads)
    if options.use_gpu:
        precision = _precision(options) if not options.enable_tensorrt else _precision(Options())
        config.enable_use_gpu(_GPU_POOL_MB, 0, precision)
        if not config.use_gpu():
            raise UserError("--use_gpu=True: Paddle took the CPU instead; look at its own log")
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
        config.disable_mkldnn()  # it is on unless this is said
    if model.graph.endswith(".json"):
        # On 3.3 memory optimisation fails on these files without the other two.
        config.enable_new_ir(True)
        config.enable_new_executor(True)
    config.enable_memory_optim()
    return config


def _enable_tensorrt(config: inference.Config, options: Options, shapes: str) -> None:
    config.enable_tensorrt_engine(
        workspace_size=_TRT_WORKSPACE,
        max_batch_size=options.batch_size,
        min_subgraph_size=_TRT_MIN_SUBGRAPH,
        precision_mode=_precision(options),
        use_static=False,
        use_calib_mode=options.precision == "int8",
    )
    config.enable_tuned_tensorrt_dynamic_shape(shapes, True)


def _precision(options: Options) -> inference.PrecisionType:
    return {
        "fp32": inference.PrecisionType.Float32,
        "fp16": inference.PrecisionType.Half,
        "bf16": inference.PrecisionType.Bfloat16,
        "int8": inference.PrecisionType.Int8,
    }[options.precision]


def _check(model: ExportedModel, options: Options) -> None:
    """Asks, before a device is touched, whether this build, machine and model have it all."""
    wanted = {
        "use_gpu": (options.use_gpu, device.lacks_gpu),
        "use_xpu": (options.use_xpu, device.lacks_xpu),
        "use_npu": (options.use_npu, device.lacks_npu),
        "enable_tensorRT": (options.enable_tensorrt, device.lacks_tensorrt),
    }
    for name, (asked, lacks) in wanted.items():
        lacking = lacks() if asked else ""
        if lacking:
            raise UserError(f"--{name}=True: {lacking}")
    pir = model.graph.endswith(".json")
    if pir and not _PADDLE_3:  # Paddle 2 dies of it, without an exception
        raise UserError(
            f"{model.graph} was exported by Paddle 3, this is Paddle {paddle.__version__}: "
            "export it anew here, or install Paddle 3"
        )
    if pir and options.enable_tensorrt:
        raise UserError(f"--enable_tensorRT=True takes a .pdmodel of Paddle 2.6, not {model.graph}")
    on_cpu = _device(options) == "cpu"
    if pir and on_cpu and options.precision in ("bf16", "int8"):  # 3.3 lacks the operators
        raise UserError(
            f"--precision {options.precision} on a CPU takes a .pdmodel of Paddle 2.6, "
            f"not {model.graph}"
        )
    if options.enable_mkldnn and not on_cpu:
        raise UserError(f"--enable_mkldnn=True is for the CPU, not for --use_{_device(options)}")
    if options.precision in ("bf16", "int8") and on_cpu and not options.enable_mkldnn:
        raise UserError(f"--precision {options.precision} on a CPU needs --enable_mkldnn=True")
    if options.precision == "fp16" and on_cpu:
        raise UserError("--precision fp16 needs --use_gpu=True; on a CPU there are fp32 and bf16")
    if options.precision == "int8" and not options.enable_tensorrt and not _quantised(model):
        raise UserError(
            f"--precision int8: {model.graph} is not quantised; quantise it with PaddleSlim, or "
            "let TensorRT calibrate it (--use_gpu=True --enable_tensorRT=True)"
        )


def _quantised(model: ExportedModel) -> bool:
    # Not the file's text: each .pdmodel names all quantising operators, used or not.
    return any("quantize" in kind for kind in graph_files.operators(model.graph))


def _device(options: Options) -> str:
    chosen = {"gpu": options.use_gpu, "xpu": options.use_xpu, "npu": options.use_npu}
    return next((name for name, asked in chosen.items() if asked), "cpu")


def _reason(error: Exception) -> str:
    """Returns what Paddle says of an error, without its call stack."""
    lines = [line.strip() for line in str(error).splitlines()]
    said = [line for line in lines if re.match(r"\(\w+\) ", line)]  # (InvalidArgument) ...
    return (said or [line for line in lines if line] or [type(error).__name__])[-1]
