"""Runs a model with ONNX Runtime; a model in Paddle's format is converted first."""

from __future__ import annotations

import contextlib
import io
import logging
import re
from collections.abc import Sequence
from typing import Any

import numpy as np

from engine.deployment.exported_model.model import ExportedModel
from engine.deployment.exported_model.tensors import TensorSpec
from engine.deployment.predictors import cuda_graphs
from engine.deployment.predictors.predictor import Options, batch_error, match_tensors
from engine.system.errors import UserError

logger = logging.getLogger(__name__)

_ERROR_SEVERITY = 3  # ONNX Runtime's warnings list every unused constant
_PROVIDERS = {"cpu": "CPUExecutionProvider", "gpu": "CUDAExecutionProvider"}
_MEMORY = "cuda"  # where the inputs and outputs of CUDA graphs lie
_DTYPES = {"float": "float32", "double": "float64"}  # the other names are NumPy's, too


class OnnxPredictor:
    """A `engine.deployment.predictors.predictor.Predictor` that uses ONNX Runtime.

    Args:
        model: the model, in ONNX or in Paddle's format.
        options: how to run it.

    Raises:
        UserError: ONNX Runtime is missing or does not support an option, or cannot load the model.
    """

    engine = "onnxruntime"

    def __init__(self, model: ExportedModel, options: Options):
        _check_options(options)
        try:
            import onnxruntime
        except ImportError as error:
            raise UserError(
                "--engine onnxruntime needs ONNX Runtime: pip install -r requirements-deploy.txt"
            ) from error
        if options.use_gpu:
            load_cuda()
        provider = _PROVIDERS[options.device]
        if provider not in onnxruntime.get_available_providers():
            raise UserError(
                f"--use_gpu=True: this ONNX Runtime has no {provider}; install onnxruntime-gpu"
            )
        self._options = options
        self._name = model.graph
        self._content = _graph(model)
        self._graphs = None
        if options.use_gpu:
            self._open_with_graphs()
        else:
            self._session = self._open({})
        if self._session.get_providers()[0] != provider:
            raise UserError(
                f"--use_gpu=True: {provider} did not start, so ONNX Runtime would use the CPU; "
                "check the versions of the driver, CUDA and cuDNN"
            )
        inputs = [_tensor_spec(value) for value in self._session.get_inputs()]
        self.inputs = match_tensors(model.inputs, inputs, model.graph)
        missing = {spec.name for spec in self.inputs} - {spec.name for spec in inputs}
        if missing:
            raise UserError(f"{model.graph} has no input {min(missing)}; export the model again")
        outputs = [_tensor_spec(value) for value in self._session.get_outputs()]
        self.outputs = match_tensors(model.outputs, outputs, model.graph)
        self.runtime = {
            "engine": f"ONNX Runtime {onnxruntime.__version__}",
            "device": options.device,
            "precision": options.precision,
            "oneDNN": False,
            "TensorRT": False,
            "CPU threads": options.cpu_threads,
            **({"CUDA graphs": 0} if options.use_gpu else {}),
        }

    def _open(self, provider_options: dict[str, int]) -> Any:
        """Returns a session on the device of the options."""
        import onnxruntime

        settings = onnxruntime.SessionOptions()
        settings.intra_op_num_threads = self._options.cpu_threads
        settings.inter_op_num_threads = 1
        settings.log_severity_level = _ERROR_SEVERITY
        # Spinning threads would take CPU time from the server's thread.
        settings.add_session_config_entry("session.intra_op.allow_spinning", "0")
        provider = (_PROVIDERS[self._options.device], provider_options)
        try:
            # With its fallback, ONNX Runtime would go on with the CPU after an error of the GPU.
            return onnxruntime.InferenceSession(
                self._content, settings, providers=[provider], enable_fallback=0
            )
        except Exception as error:  # ONNX Runtime has exception classes of its own
            raise UserError(f"{self._name} cannot be loaded: {_reason(error)}") from error

    def _open_with_graphs(self) -> None:
        try:
            self._session = self._open({**self._gpu_options(), "enable_cuda_graph": 1})
            self._graphs = cuda_graphs.GraphRuns(self._session, _MEMORY)
        except UserError as error:
            self._open_without_graphs(str(error))

    def _open_without_graphs(self, reason: str) -> None:
        """Opens the session again, because a failed capture may leave it unusable."""
        self._graphs = self._session = None
        self._session = self._open(self._gpu_options())
        logger.warning("ONNX Runtime runs without CUDA graphs: %s", " ".join(reason.split()))

    def _gpu_options(self) -> dict[str, int]:
        # ONNX Runtime's default is 1: predictions differed from the CPU's by up to 7e-4.
        return {"use_tf32": int(self._options.precision == "tf32")}

    def run(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Returns the outputs for a batch."""
        feeds = {spec.name: array for spec, array in zip(self.inputs, arrays)}
        try:
            if self._graphs is None:
                return self._session.run(None, feeds)
            try:
                return self._graphs.run(feeds)
            except cuda_graphs.GraphError as error:
                self._open_without_graphs(_reason(error))
                return self._session.run(None, feeds)
            finally:
                self.runtime["CUDA graphs"] = len(self._graphs or ())
        except UserError:
            raise
        except Exception as error:  # ONNX Runtime has exception classes of its own
            raise batch_error(self.inputs, arrays, _reason(error)) from error


def load_cuda() -> None:
    """Loads CUDA's libraries from NVIDIA's Python packages, where those are installed."""
    import onnxruntime

    if hasattr(onnxruntime, "preload_dlls"):  # since 1.21
        with contextlib.redirect_stdout(io.StringIO()):  # it prints what it does not find
            onnxruntime.preload_dlls()


def _check_options(options: Options) -> None:
    for name, enabled in (
        ("use_xpu", options.use_xpu),
        ("use_npu", options.use_npu),
        ("enable_mkldnn", options.enable_mkldnn),
        ("enable_tensorRT", options.enable_tensorrt),
    ):
        if enabled:
            raise UserError(f"--{name}=True needs --engine paddle, not onnxruntime")
    if options.precision not in ("fp32", "tf32"):
        raise UserError(
            f"--precision {options.precision} needs --engine paddle; onnxruntime runs fp32, and "
            "tf32 on a GPU"
        )


def _graph(model: ExportedModel) -> str | bytes:
    """Returns the path of an ONNX file, or the content of a converted model."""
    if model.is_onnx:
        return model.graph
    from engine.deployment.exported_model import to_onnx
    from engine.deployment.predictors.paddle_predictor import PaddlePredictor

    to_onnx.check_installed()
    # A damaged file crashes the process in paddle2onnx; Paddle raises an error.
    PaddlePredictor(model, Options())
    return to_onnx.convert(model)


def _reason(error: Exception) -> str:
    """Returns the message of an error; of CUDA's errors without ONNX Runtime's C++ functions."""
    failure = re.search(r"CU[A-Z]+ failure \d+: [^;]+", str(error))
    return failure[0].strip() if failure else str(error)


def _tensor_spec(value) -> TensorSpec:
    dtype = value.type[len("tensor(") : -1]
    shape = tuple(size if isinstance(size, int) else None for size in value.shape)
    return TensorSpec(value.name, shape, _DTYPES.get(dtype, dtype))
