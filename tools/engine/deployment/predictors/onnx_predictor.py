"""ONNX Runtime, for an ``.onnx`` or for a model of Paddle's that is converted as it is opened."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from engine.deployment.exported_model.model_files import ExportedModel
from engine.deployment.exported_model.tensors import TensorSpec
from engine.deployment.predictors.predictor import Options, failed, named
from engine.system.errors import UserError

_ERRORS_ONLY = 3  # ONNX Runtime's severity; below it tells of every unused constant


class OnnxPredictor:
    """Runs a model by ONNX Runtime; see `engine.deployment.predictors.predictor.Predictor`."""

    engine = "onnxruntime"

    def __init__(self, model: ExportedModel, options: Options):
        _check(options)
        try:
            import onnxruntime
        except ImportError as error:
            raise UserError(
                "--engine onnxruntime needs ONNX Runtime: pip install -r requirements-deploy.txt"
            ) from error
        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = options.cpu_threads
        settings.inter_op_num_threads = 1
        settings.log_severity_level = _ERRORS_ONLY
        # A thread that waits for work would take time from the server's.
        settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
        device = "gpu" if options.use_gpu else "cpu"
        provider = {"cpu": "CPUExecutionProvider", "gpu": "CUDAExecutionProvider"}[device]
        if provider not in onnxruntime.get_available_providers():
            raise UserError(
                f"--use_gpu=True: this ONNX Runtime has no {provider}; install onnxruntime-gpu"
            )
        try:
            self._session = onnxruntime.InferenceSession(
                _content(model), settings, providers=[provider]
            )
        except UserError:
            raise
        except Exception as error:  # ONNX Runtime's own kinds
            raise UserError(f"{model.graph} cannot be loaded: {error}") from error
        if self._session.get_providers()[0] != provider:
            raise UserError(f"--use_gpu=True: ONNX Runtime took the CPU, {provider} did not start")
        found = [_spec(entry) for entry in self._session.get_inputs()]
        self.inputs = named(model.inputs, found, model.graph)
        absent = {spec.name for spec in self.inputs} - {spec.name for spec in found}
        if absent:
            raise UserError(f"{model.graph} has no input {min(absent)}; export it anew")
        outputs = [_spec(entry) for entry in self._session.get_outputs()]
        self.outputs = named(model.outputs, outputs, model.graph)
        self.runtime = {
            "engine": f"ONNX Runtime {onnxruntime.__version__}",
            "device": device,
            "precision": options.precision,
            "oneDNN": False,
            "TensorRT": False,
            "CPU threads": options.cpu_threads,
        }

    def run(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Returns the outputs for a batch."""
        feeds = {spec.name: array for spec, array in zip(self.inputs, arrays)}
        try:
            return self._session.run(None, feeds)
        except Exception as error:  # ONNX Runtime's own kinds
            raise failed(self.inputs, arrays, str(error)) from error


def _check(options: Options) -> None:
    for name, asked in (
        ("use_xpu", options.use_xpu),
        ("use_npu", options.use_npu),
        ("enable_mkldnn", options.enable_mkldnn),
        ("enable_tensorRT", options.enable_tensorrt),
    ):
        if asked:
            raise UserError(f"--{name}=True is for --engine paddle, not for onnxruntime")
    if options.precision != "fp32":
        raise UserError(f"--precision {options.precision} is for --engine paddle: ONNX is fp32")


def _content(model: ExportedModel) -> str | bytes:
    if model.is_onnx:
        return model.graph
    from engine.deployment.exported_model import to_onnx
    from engine.deployment.predictors.paddle_predictor import PaddlePredictor

    to_onnx.check_installed()
    # Over damaged files paddle2onnx ends the process; what Paddle itself can load is whole.
    PaddlePredictor(model, Options())
    return to_onnx.convert(model)


_DTYPES = {"float": "float32", "double": "float64"}  # ONNX's other names are NumPy's


def _spec(entry) -> TensorSpec:
    dtype = entry.type[len("tensor(") : -1]
    shape = tuple(size if isinstance(size, int) else None for size in entry.shape)
    return TensorSpec(entry.name, shape, _DTYPES.get(dtype, dtype))
