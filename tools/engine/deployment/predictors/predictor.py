"""The `Predictor` protocol, and the options that every predictor takes."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np

from engine.deployment.exported_model.tensors import TensorSpec
from engine.system.errors import UserError

ENGINES = ("paddle", "onnxruntime")
PRECISIONS = ("fp32", "fp16", "bf16", "int8")


@dataclass(frozen=True)
class Options:
    """How a model is run.

    Attributes:
        engine: one of `ENGINES`; None for the one that runs the model's file.
        use_gpu: run on the GPU.
        use_xpu: run on a Kunlun XPU.
        use_npu: run on an Ascend NPU.
        cpu_threads: threads of the CPU's mathematical library.
        enable_mkldnn: let oneDNN run what it can, on a CPU.
        enable_tensorrt: let TensorRT run what it can, on a GPU.
        precision: one of `PRECISIONS`.
        batch_size: the size that TensorRT tunes for, and the largest that it takes.
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
            raise UserError(f"{' and '.join(devices)}: a model runs on one device")
        if self.cpu_threads < 1:
            raise UserError(f"--cpu_threads {self.cpu_threads}: expected at least 1")
        if self.enable_tensorrt and not self.use_gpu:
            raise UserError("--enable_tensorRT=True needs --use_gpu=True: TensorRT runs on GPUs")


class Predictor(Protocol):
    """What runs a model.

    Attributes:
        engine: one of `ENGINES`.
        runtime: what really runs, as a person wants to read it, by name.
        inputs: the model's inputs, in its order.
        outputs: its outputs, named for the tasks where metadata stand beside the model.
    """

    engine: str
    runtime: dict[str, object]
    inputs: list[TensorSpec]
    outputs: list[TensorSpec]

    def run(self, arrays: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Returns the outputs for a batch; one thread at a time.

        Args:
            arrays: contiguous, of the dtype and the order of ``inputs``.
        """


def named(
    declared: Sequence[TensorSpec], found: Sequence[TensorSpec], place: str
) -> list[TensorSpec]:
    """Returns the declared tensors, or those found in the graph where none are declared.

    Raises:
        UserError: they are not equally many.
    """
    if declared and len(declared) != len(found):
        raise UserError(
            f"{place}: the metadata beside it name {len(declared)} tensors where the graph has "
            f"{len(found)}; export it anew"
        )
    return list(declared or found)


def failed(inputs: Sequence[TensorSpec], arrays: Sequence[np.ndarray], reason: str) -> UserError:
    """Returns the error of a batch that a model could not run."""
    shapes = ", ".join(f"{spec.name} {list(array.shape)}" for spec, array in zip(inputs, arrays))
    return UserError(f"the model cannot run a batch of {shapes}: {reason}")
