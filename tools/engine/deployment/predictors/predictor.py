"""The `Predictor` protocol, and the options that every predictor takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from engine.deployment.exported_model.tensors import TensorSpec
from engine.system.errors import UserError

ENGINES = ("paddle", "onnxruntime")
PRECISIONS = ("fp32", "tf32", "fp16", "bf16", "int8")
PRECISION_HELP = "default: fp32; tf32: a GPU may round the factors of products to 10 bits"


@dataclass(frozen=True)
class Options:
    """How a predictor runs its model.

    Attributes:
        engine: one of `ENGINES`; None selects the engine by the model's format.
        use_gpu: run on the GPU.
        use_xpu: run on a Kunlun XPU.
        use_npu: run on an Ascend NPU.
        cpu_threads: threads of the CPU's math library.
        enable_mkldnn: use oneDNN, on a CPU.
        enable_tensorrt: use TensorRT, on a GPU.
        precision: one of `PRECISIONS`. tf32 is fp32, except that a GPU may round the factors of
            products to 10 bits.
        batch_size: the largest batch, in rows; TensorRT optimises for it and accepts no larger
            one.

    Raises:
        UserError: a value is unknown, or two options contradict each other.
    """

    engine: str | None = None
    use_gpu: bool = False
    use_xpu: bool = False
    use_npu: bool = False
    cpu_threads: int = 1
    enable_mkldnn: bool = False
    enable_tensorrt: bool = False
    precision: str = "fp32"
    batch_size: int = 1

    def __post_init__(self):
        for name, known in (("engine", (None, *ENGINES)), ("precision", PRECISIONS)):
            if getattr(self, name) not in known:
                expected = ", ".join(filter(None, known))
                raise UserError(f"--{name} {getattr(self, name)}: expected one of {expected}")
        devices = [f"--{name}" for name in ("use_gpu", "use_xpu", "use_npu") if getattr(self, name)]
        if len(devices) > 1:
            raise UserError(f"{' and '.join(devices)}: expected at most one device")
        if self.cpu_threads < 1:
            raise UserError(f"--cpu_threads {self.cpu_threads}: expected at least 1")
        if self.enable_tensorrt and not self.use_gpu:
            raise UserError("--enable_tensorRT=True needs --use_gpu=True: TensorRT runs on GPUs")
        if self.precision == "tf32" and not self.use_gpu:
            raise UserError("--precision tf32 needs --use_gpu=True: only GPUs compute in TF32")
        if self.precision == "tf32" and self.enable_tensorrt:
            raise UserError(
                "--precision tf32 with --enable_tensorRT=True: TensorRT itself chooses where it "
                "uses TF32; give --precision fp32"
            )

    @property
    def device(self) -> str:
        """The device: ``gpu``, ``xpu``, ``npu`` or ``cpu``."""
        enabled = {"gpu": self.use_gpu, "xpu": self.use_xpu, "npu": self.use_npu}
        return next((name for name, on in enabled.items() if on), "cpu")


class Predictor(Protocol):
    """An object that runs an exported model.

    Attributes:
        engine: one of `ENGINES`.
        runtime: what the model runs on, for a report: engine, device, precision and so on.
        inputs: the model's inputs, in its order.
        outputs: the model's outputs, in its order, with the names in the metadata if there are
            any.
    """

    engine: str
    runtime: dict[str, object]
    inputs: list[TensorSpec]
    outputs: list[TensorSpec]

    def run(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Returns the outputs for a batch. Only one thread may call it at a time.

        Args:
            arrays: contiguous arrays of the dtypes and in the order of ``inputs``.

        Raises:
            UserError: the model cannot run this batch.
        """


def match_tensors(
    metadata: Sequence[TensorSpec], graph: Sequence[TensorSpec], path: str
) -> list[TensorSpec]:
    """Returns the tensors that the metadata name, or those of the graph without metadata.

    Args:
        metadata: the inputs or the outputs in the metadata; empty without metadata.
        graph: the same in the graph.
        path: the graph's file, for the error.

    Raises:
        UserError: the numbers of tensors differ.
    """
    if metadata and len(metadata) != len(graph):
        raise UserError(
            f"{path}: its metadata name {len(metadata)} tensors, but the graph has {len(graph)}; "
            "export the model again"
        )
    return list(metadata or graph)


def batch_error(
    inputs: Sequence[TensorSpec], arrays: Sequence[np.ndarray], reason: str
) -> UserError:
    """Returns the error for a batch that a model cannot run."""
    shapes = ", ".join(f"{spec.name} {list(array.shape)}" for spec, array in zip(inputs, arrays))
    return UserError(f"the model cannot run a batch of {shapes}: {reason}")
