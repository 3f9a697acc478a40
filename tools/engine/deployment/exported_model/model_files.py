"""Exported models on the disk: which files belong together, and what stands about them beside.

``<prefix>.meta.json`` names inputs, outputs and tasks, which the graph files do not keep: under
PIR the outputs of an exported model are called ``fetch_name_0`` and so on.
"""

from __future__ import annotations

import hashlib
import json
import logging
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from engine.deployment.exported_model.tensors import TensorSpec
from engine.system.errors import UserError

logger = logging.getLogger(__name__)

GRAPH_FORMATS = {".json": "PIR of Paddle 3", ".pdmodel": "program of Paddle 2", ".onnx": "ONNX"}
GRAPHS = tuple(GRAPH_FORMATS)
PARAMETERS = ".pdiparams"
META = ".meta.json"
_PREFERRED = "tostatic"  # of several models in a folder
# Everything that an export may write, and that a new one replaces.
ENDINGS = (*GRAPHS, PARAMETERS, f"{PARAMETERS}.info", META)


@dataclass(frozen=True)
class ExportedModel:
    """The files of one exported model.

    Attributes:
        graph: path of the ``.json``, ``.pdmodel`` or ``.onnx``.
        parameters: path of the ``.pdiparams``; None for ONNX, which holds its own.
        about: what ``<prefix>.meta.json`` says, or nothing if there is none.
    """

    graph: str
    parameters: str | None
    about: Mapping[str, Any] = field(default_factory=dict)

    @property
    def prefix(self) -> str:
        """The path without its ending."""
        return os.path.splitext(self.graph)[0]

    @property
    def is_onnx(self) -> bool:
        """Whether ONNX Runtime runs it, and not Paddle."""
        return self.graph.endswith(".onnx")

    @property
    def inputs(self) -> list[TensorSpec]:
        """The inputs that the metadata name, in the model's order; empty without metadata."""
        return _specs(self.about.get("inputs", ()))

    def row_conditions(self) -> dict[str, str]:
        """Returns the tasks that count in some rows only, each with the task whose label is 1."""
        tasks = self.about.get("hyper_parameters", {}).get("tasks") or ()
        return {task["name"]: task["rows"] for task in tasks if task.get("rows")}

    @property
    def outputs(self) -> list[TensorSpec]:
        """The outputs that the metadata name, in the model's order; empty without metadata."""
        return _specs(self.about.get("outputs", ()))


def _specs(entries: Sequence[Mapping]) -> list[TensorSpec]:
    return [TensorSpec(entry["name"], tuple(entry["shape"]), entry["dtype"]) for entry in entries]


def sha256(path: str) -> str:
    """Returns the hash of a file."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for part in iter(lambda: file.read(1 << 20), b""):
            digest.update(part)
    return digest.hexdigest()


def find(
    model_dir: str | None = None,
    model_file: str | None = None,
    params_file: str | None = None,
    engine: str | None = None,
) -> ExportedModel:
    """Returns the exported model that the options name.

    A ``.pdmodel`` named where only the ``.json`` of Paddle 3 is, or the reverse, is found.

    Args:
        model_dir: a folder that holds one model; of its formats ONNX is taken where ONNX
            Runtime is installed, because it is the fastest.
        model_file: the graph's file.
        params_file: the parameters' file; beside the graph, with its name, if not given.
        engine: ``paddle`` or ``onnxruntime``, where a folder's format depends on it.

    Raises:
        UserError: there is no such model, or several.
    """
    if model_file is None:
        if model_dir is None:
            raise UserError("which model? give --model_dir, or --model_file and --params_file")
        return _in_folder(os.path.abspath(model_dir), engine)
    if model_dir is not None:
        model_file = os.path.join(model_dir, model_file)
    graph = _existing(os.path.abspath(model_file))
    if graph.endswith(".onnx"):
        if params_file is not None:
            raise UserError(f"--params_file {params_file}: {graph} holds its own parameters")
        return _intact(ExportedModel(graph, None, _about(graph)))
    parameters = os.path.splitext(graph)[0] + PARAMETERS
    if params_file is not None:
        parameters = os.path.abspath(os.path.join(model_dir or "", params_file))
    if not os.path.isfile(parameters):
        raise UserError(f"there is no parameter file {parameters}")
    return _intact(ExportedModel(graph, parameters, _about(graph)))


def in_format(model: ExportedModel, engine: str | None) -> ExportedModel:
    """Returns the same model in the format that an engine runs best, if it lies beside."""
    endings = (".onnx",) if engine == "onnxruntime" else (".json", ".pdmodel")
    if model.graph.endswith(endings):
        return model
    for ending in endings:
        if os.path.isfile(model.prefix + ending):
            return find(model_file=model.prefix + ending)
    return model


def _existing(graph: str) -> str:
    """Returns the graph file meant: the one named, or that of Paddle's other format."""
    prefix, ending = os.path.splitext(graph)
    if ending not in GRAPHS:
        raise UserError(f"{graph}: expected a model file that ends in {', '.join(GRAPHS)}")
    if os.path.isfile(graph):
        return graph
    other = {".pdmodel": ".json", ".json": ".pdmodel"}.get(ending)
    if other is None or not os.path.isfile(prefix + other):
        raise UserError(f"there is no model file {graph}")
    logger.warning("there is no %s: taking %s", graph, prefix + other)
    return prefix + other


def _in_folder(folder: str, engine: str | None) -> ExportedModel:
    if not os.path.isdir(folder):
        raise UserError(f"there is no model folder {folder}")
    names = set(os.listdir(folder))
    # A graph without parameters is none: rec.json describes a checkpoint.
    found = {os.path.splitext(name)[0] for name in names if name.endswith((".onnx", PARAMETERS))}
    models = sorted(
        prefix for prefix in found if any(f"{prefix}{ending}" in names for ending in GRAPHS)
    )
    if not models:
        raise UserError(f"{folder} holds no exported model: make one with tools/to_static.py")
    if len(models) > 1 and _PREFERRED in models:
        logger.info("%s: taking %s of %s", folder, _PREFERRED, ", ".join(models))
        models = [_PREFERRED]
    if len(models) > 1:
        raise UserError(
            f"{folder} holds several models, {', '.join(models)}: name one with --model_file"
        )
    onnx_first = engine == "onnxruntime" or (engine is None and _onnxruntime())
    preference = (".onnx", ".json", ".pdmodel") if onnx_first else GRAPHS
    ending = next(ending for ending in preference if f"{models[0]}{ending}" in names)
    return find(model_file=os.path.join(folder, models[0] + ending))


def _onnxruntime() -> bool:
    import importlib.util

    return importlib.util.find_spec("onnxruntime") is not None


def _about(graph: str) -> dict[str, Any]:
    path = os.path.splitext(graph)[0] + META
    if not os.path.isfile(path):
        return {}
    try:
        with open(path, encoding="utf-8") as file:
            about = json.load(file)
        _specs([*about["inputs"], *about["outputs"]])
        [entry["sha256"] for entry in about.get("files", {}).values()]  # there, or KeyError
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged: {type(error).__name__}: {error}") from error
    return about


def _intact(model: ExportedModel) -> ExportedModel:
    """Makes sure that the files are those that the metadata were written for.

    Paddle itself loads the parameters of another model, or a truncated file, without a word.
    """
    files = model.about.get("files", {})
    kept = next((entry for entry in files.values() if entry.get("format") == "parameters"), None)
    entries = {model.graph: files.get(os.path.basename(model.graph))}
    if model.parameters:
        entries[model.parameters] = kept  # whatever the file is called
    for path, entry in entries.items():
        if entry and entry["sha256"] != sha256(path):
            raise UserError(
                f"{path} is not the file that was exported with {os.path.basename(model.prefix)}"
                f"{META}: it is damaged, or of another model"
            )
    return model
