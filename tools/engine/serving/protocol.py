"""What the Open Inference Protocol says of a model: its name, datatypes and metadata."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from engine.deployment.exported_model.tensors import TensorSpec
from engine.system.errors import UserError

# The protocol's datatypes by NumPy's names; BYTES, its strings, is nothing a net computes with.
DATATYPES = {
    "bool": "BOOL",
    **{f"uint{bits}": f"UINT{bits}" for bits in (8, 16, 32, 64)},
    **{f"int{bits}": f"INT{bits}" for bits in (8, 16, 32, 64)},
    **{f"float{bits}": f"FP{bits}" for bits in (16, 32, 64)},
}
_PLATFORMS = {"paddle": "paddle_inference", "onnxruntime": "onnx_onnxv1"}


class RequestError(ValueError):
    """A request that cannot be answered; the message says what was found and expected."""


@dataclass(frozen=True)
class ServedModel:
    """What clients see of a model.

    Attributes:
        name: its name in every path.
        version: its only version.
        engine: what runs it, ``paddle`` or ``onnxruntime``.
        inputs: its inputs, in the order in which the predictor takes them.
        outputs: its outputs, in the order in which the predictor returns them.

    Raises:
        UserError: the name cannot stand in a path, or a tensor's type not in JSON.
    """

    name: str
    version: str
    engine: str
    inputs: Sequence[TensorSpec]
    outputs: Sequence[TensorSpec]

    def __post_init__(self):
        for option, text in (("--model_name", self.name), ("--model_version", self.version)):
            if not text or "/" in text or not text.isprintable():
                raise UserError(f"{option} {text!r}: expected a name without '/'")
        for kind, specs in (("input", self.inputs), ("output", self.outputs)):
            for spec in specs:
                if spec.dtype not in DATATYPES:
                    raise UserError(
                        f"{kind} '{spec.name}' is of type {spec.dtype}: "
                        f"the server carries {', '.join(DATATYPES)}"
                    )

    @property
    def takes_rows(self) -> bool:
        """Whether the model takes any number of rows, so that requests may be joined."""
        return all(spec.shape and spec.shape[0] is None for spec in self.inputs)

    def summary(self) -> str:
        """Returns the model in one line for a log."""
        inputs, outputs = (
            ", ".join(f"{spec.name} {DATATYPES[spec.dtype]} {wire_shape(spec)}" for spec in specs)
            for specs in (self.inputs, self.outputs)
        )
        return f"{self.name} ({self.engine}), inputs: {inputs}, outputs: {outputs}"

    def metadata(self) -> dict[str, Any]:
        """Returns the protocol's model metadata."""
        return {
            "name": self.name,
            "versions": [self.version],
            "platform": _PLATFORMS.get(self.engine, self.engine),
            "inputs": [tensor_metadata(spec) for spec in self.inputs],
            "outputs": [tensor_metadata(spec) for spec in self.outputs],
        }


def tensor_metadata(spec: TensorSpec) -> dict[str, Any]:
    """Returns the protocol's tensor metadata; -1 stands for a size that may vary."""
    return {"name": spec.name, "datatype": DATATYPES[spec.dtype], "shape": wire_shape(spec)}


def wire_shape(spec: TensorSpec) -> list[int]:
    """Returns a shape with -1 for the sizes that may vary."""
    return [-1 if size is None else size for size in spec.shape]
