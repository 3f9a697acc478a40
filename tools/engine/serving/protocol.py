"""A served model in the terms of the Open Inference Protocol: name, datatypes, metadata."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.deployment.exported_model.tensors import TensorSpec
from engine.system.errors import UserError

# NumPy dtype -> datatype of the protocol. BYTES, its strings, is left out: nets take numbers.
DATATYPES = {
    "bool": "BOOL",
    **{f"uint{bits}": f"UINT{bits}" for bits in (8, 16, 32, 64)},
    **{f"int{bits}": f"INT{bits}" for bits in (8, 16, 32, 64)},
    **{f"float{bits}": f"FP{bits}" for bits in (16, 32, 64)},
}
_PLATFORMS = {"paddle": "paddle_inference", "onnxruntime": "onnx_onnxv1"}


class RequestError(ValueError):
    """An invalid request; the message says what was found and what was expected."""


@dataclass(frozen=True)
class ServedModel:
    """A model as clients see it.

    Attributes:
        name: its name in the URL paths.
        version: its only version.
        engine: the engine that runs it, ``paddle`` or ``onnxruntime``.
        inputs: its inputs, in the predictor's order.
        outputs: its outputs, in the predictor's order.
        facts: the export's ``task_facts``; None for an older export.

    Raises:
        UserError: the name or version cannot be part of a path, or the protocol's JSON form cannot
            carry the type of a tensor.
    """

    name: str
    version: str
    engine: str
    inputs: Sequence[TensorSpec]
    outputs: Sequence[TensorSpec]
    facts: Sequence[Mapping[str, Any]] | None = None

    def __post_init__(self):
        for option, text in (("--model_name", self.name), ("--model_version", self.version)):
            if not text or "/" in text or not text.isprintable():
                raise UserError(f"{option} {text!r}: expected printable text without '/'")
        for kind, specs in (("input", self.inputs), ("output", self.outputs)):
            for spec in specs:
                if spec.dtype not in DATATYPES:
                    raise UserError(
                        f"{kind} '{spec.name}' has type {spec.dtype}, "
                        f"expected one of {', '.join(DATATYPES)}"
                    )

    @property
    def takes_rows(self) -> bool:
        """Whether every input takes any number of rows, so that requests may be joined."""
        return all(spec.shape and spec.shape[0] is None for spec in self.inputs)

    def summary(self) -> str:
        """Returns one line for the log: name, engine, inputs and outputs."""
        inputs, outputs = (
            ", ".join(
                f"{spec.name} {DATATYPES[spec.dtype]} {protocol_shape(spec)}" for spec in specs
            )
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
            "outputs": [
                {**tensor_metadata(spec), **self.parameters(spec.name)} for spec in self.outputs
            ],
        }

    def parameters(self, output: str, only_named: bool = False) -> dict[str, dict[str, str]]:
        """Returns an output's ``parameters``: its task's type and the names of its classes.

        They are texts by name, because the protocol allows no lists there. The result is empty if
        the export does not say what the output predicts.

        Args:
            output: the output's name.
            only_named: whether the result is also empty for a task without class names.
        """
        task = next((each for each in self.facts or () if each["name"] == output), {})
        names = task.get("classes") or ()
        if not task or (only_named and not names):
            return {}
        classes = {f"class_{number}": name for number, name in enumerate(names)}
        return {"parameters": {"type": task["type"], **classes}}


def tensor_metadata(spec: TensorSpec) -> dict[str, Any]:
    """Returns the protocol's tensor metadata; -1 is a size that may vary."""
    return {"name": spec.name, "datatype": DATATYPES[spec.dtype], "shape": protocol_shape(spec)}


def protocol_shape(spec: TensorSpec) -> list[int]:
    """Returns a shape with -1 for the sizes that may vary."""
    return [-1 if size is None else size for size in spec.shape]
