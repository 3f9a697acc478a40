"""An exported model: the paths of its files and its metadata."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.deployment.exported_model.tensors import TensorSpec

GRAPH_FORMATS = {".json": "PIR of Paddle 3", ".pdmodel": "program of Paddle 2", ".onnx": "ONNX"}
GRAPH_ENDINGS = tuple(GRAPH_FORMATS)
PARAMETERS_ENDING = ".pdiparams"
METADATA_ENDING = ".meta.json"
# Every file that an export may write and that the next export replaces.
ENDINGS = (*GRAPH_ENDINGS, PARAMETERS_ENDING, f"{PARAMETERS_ENDING}.info", METADATA_ENDING)


@dataclass(frozen=True)
class ExportedModel:
    """The files of one exported model.

    Attributes:
        graph: path of the ``.json``, ``.pdmodel`` or ``.onnx``.
        parameters: path of the ``.pdiparams``; None for ONNX, whose graph file includes them.
        metadata: the content of ``<prefix>.meta.json``; empty if there is no such file.
    """

    graph: str
    parameters: str | None
    metadata: Mapping[str, Any] = field(default_factory=dict)

    @property
    def prefix(self) -> str:
        """The path of the graph file without its ending."""
        return os.path.splitext(self.graph)[0]

    @property
    def is_onnx(self) -> bool:
        """Whether the model is in ONNX format; otherwise it is in one of Paddle's."""
        return self.graph.endswith(".onnx")

    @property
    def hyper_parameters(self) -> Mapping[str, Any]:
        """The hyper-parameters that the model was trained with; empty without metadata."""
        return self.metadata.get("hyper_parameters", {})

    @property
    def inputs(self) -> list[TensorSpec]:
        """The inputs in the metadata, in the model's order; empty without metadata."""
        return tensor_specs(self.metadata.get("inputs", ()))

    @property
    def outputs(self) -> list[TensorSpec]:
        """The outputs in the metadata, in the model's order; empty without metadata."""
        return tensor_specs(self.metadata.get("outputs", ()))

    @property
    def task_facts(self) -> list[Mapping[str, Any]] | None:
        """What the metadata say of the tasks; None if they say nothing. See `task_facts`."""
        return self.metadata.get("task_facts")

    def row_conditions(self) -> dict[str, str]:
        """Returns the tasks with ``rows``: task name -> the task whose label must be 1."""
        tasks = self.hyper_parameters.get("tasks") or ()
        return {task["name"]: task["rows"] for task in tasks if task.get("rows")}

    def weight_columns(self) -> list[str | None]:
        """Returns the column of each task's sample weights, in the order of the tasks.

        A task's own column replaces that of the table. None is a task without weights.
        """
        of_table = self.hyper_parameters.get("table.sample_weight")
        tasks = self.hyper_parameters.get("tasks") or ()
        return [task.get("sample_weight") or of_table for task in tasks]


def tensor_specs(entries: Sequence[Mapping[str, Any]]) -> list[TensorSpec]:
    """Returns the tensors that entries of the metadata describe.

    Raises:
        KeyError: an entry lacks its name, shape or dtype.
    """
    return [TensorSpec(entry["name"], tuple(entry["shape"]), entry["dtype"]) for entry in entries]
