"""Finds the files of an exported model on disk."""

from __future__ import annotations

import importlib.util
import logging
import os

from engine.deployment.exported_model.metadata import check_hashes, read_metadata
from engine.deployment.exported_model.model import (
    GRAPH_ENDINGS,
    METADATA_ENDING,
    PARAMETERS_ENDING,
    ExportedModel,
)
from engine.system.errors import UserError

logger = logging.getLogger(__name__)

_PREFERRED = "tostatic"  # if a folder holds several models


def find(
    model_dir: str | None = None,
    model_file: str | None = None,
    params_file: str | None = None,
    engine: str | None = None,
) -> ExportedModel:
    """Returns the exported model that the command line names.

    If the named ``.pdmodel`` does not exist but the ``.json`` of Paddle 3 does, the ``.json`` is
    used, and the reverse.

    Args:
        model_dir: a folder with one model. If the model is there in several formats, ONNX is
            preferred where ONNX Runtime is installed, because it is the fastest.
        model_file: the graph file.
        params_file: the parameter file; default: the graph file's name with ``.pdiparams``.
        engine: ``paddle`` or ``onnxruntime``; selects the format in a folder.

    Raises:
        UserError: there is no such model, there are several, or a file is damaged.
    """
    if model_file is None:
        if model_dir is None:
            raise UserError(
                "no model is named: give --model_dir, or --model_file and --params_file"
            )
        return _find_in_folder(os.path.abspath(model_dir), engine)
    if model_dir is not None:
        model_file = os.path.join(model_dir, model_file)
    graph = _find_graph(os.path.abspath(model_file))
    if graph.endswith(".onnx"):
        if params_file is not None:
            raise UserError(
                f"--params_file {params_file}: {graph} includes its parameters; "
                "leave out --params_file"
            )
        return _open(graph, None)
    parameters = os.path.splitext(graph)[0] + PARAMETERS_ENDING
    if params_file is not None:
        parameters = os.path.abspath(os.path.join(model_dir or "", params_file))
    if not os.path.isfile(parameters):
        raise UserError(f"there is no parameter file {parameters}")
    return _open(graph, parameters)


def find_for_engine(model: ExportedModel, engine: str | None) -> ExportedModel:
    """Returns the same model in an engine's own format, or as it is if that is not there."""
    endings = (".onnx",) if engine == "onnxruntime" else (".json", ".pdmodel")
    if model.graph.endswith(endings):
        return model
    for ending in endings:
        if os.path.isfile(model.prefix + ending):
            return find(model_file=model.prefix + ending)
    return model


def announce(action: str, model: ExportedModel) -> None:
    """Logs which model a command uses, and from which checkpoint it was exported.

    Args:
        action: what the command does, such as ``serving``.
        model: the model.
    """
    name = os.path.basename(model.prefix) + METADATA_ENDING
    if not model.metadata:
        logger.warning(
            "%s model %s: there is no %s, so a damaged file is not noticed, and the names of tasks "
            "are unknown",
            action,
            model.graph,
            name,
        )
        return
    origin = model.metadata.get("source", {}).get("of", "its run is not recorded")
    logger.info("%s model %s (exported from a checkpoint: %s)", action, model.graph, origin)


def _open(graph: str, parameters: str | None) -> ExportedModel:
    model = ExportedModel(graph, parameters, read_metadata(graph))
    check_hashes(model)
    return model


def _find_graph(graph: str) -> str:
    """Returns the named graph file, or the one in Paddle's other format."""
    prefix, ending = os.path.splitext(graph)
    if ending not in GRAPH_ENDINGS:
        raise UserError(f"{graph}: expected a model file that ends in {', '.join(GRAPH_ENDINGS)}")
    if os.path.isfile(graph):
        return graph
    other = {".pdmodel": ".json", ".json": ".pdmodel"}.get(ending)
    if other is None or not os.path.isfile(prefix + other):
        raise UserError(f"there is no model file {graph}")
    logger.warning("there is no %s; using %s", graph, prefix + other)
    return prefix + other


def _find_in_folder(folder: str, engine: str | None) -> ExportedModel:
    if not os.path.isdir(folder):
        raise UserError(f"there is no model folder {folder}")
    names = set(os.listdir(folder))
    # A .json without parameters is not a model: rec.json belongs to a checkpoint.
    endings = (".onnx", PARAMETERS_ENDING)
    prefixes = {os.path.splitext(name)[0] for name in names if name.endswith(endings)}
    models = sorted(
        prefix
        for prefix in prefixes
        if any(f"{prefix}{ending}" in names for ending in GRAPH_ENDINGS)
    )
    if not models:
        raise UserError(f"{folder} holds no exported model; export one with tools/to_static.py")
    if len(models) > 1 and _PREFERRED in models:
        logger.info("%s holds %s; using %s", folder, ", ".join(models), _PREFERRED)
        models = [_PREFERRED]
    if len(models) > 1:
        raise UserError(
            f"{folder} holds several models, {', '.join(models)}; name one with --model_file"
        )
    onnx_first = engine == "onnxruntime" or (engine is None and _has_onnxruntime())
    preference = (".onnx", ".json", ".pdmodel") if onnx_first else GRAPH_ENDINGS
    ending = next(ending for ending in preference if f"{models[0]}{ending}" in names)
    return find(model_file=os.path.join(folder, models[0] + ending))


def _has_onnxruntime() -> bool:
    return importlib.util.find_spec("onnxruntime") is not None
