"""Builds the metadata of a model that Paddle has just saved."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import paddle

from engine.checkpoints import model_record
from engine.config.config import Config
from engine.deployment.exported_model import graph_files
from engine.deployment.exported_model.model import (
    GRAPH_ENDINGS,
    PARAMETERS_ENDING,
    ExportedModel,
)
from engine.system.errors import UserError

_HYPER = "hyper_parameters."


def describe_model(
    prefix: str,
    names: Sequence[str] | None,
    config: Config,
    tasks: Sequence[str] | None = None,
    task_facts: Sequence[Mapping[str, Any]] | None = None,
) -> ExportedModel:
    """Returns a saved model with its metadata, which are not written yet.

    Args:
        prefix: the path that Paddle saved the model under, without an ending.
        names: the outputs' names; None for ``output_0``, ``output_1`` and so on.
        config: the model's configuration.
        tasks: the tasks in the order of the reader's labels; default: ``names``.
        task_facts: types and classes of the tasks; None if the model does not tell them.

    Raises:
        UserError: the number of names is not the number of outputs.
    """
    paths = [prefix + ending for ending in GRAPH_ENDINGS]
    graph = next(path for path in paths if os.path.isfile(path))
    inputs, outputs = graph_files.read_tensors(graph)
    names = names or [f"output_{number}" for number in range(len(outputs))]
    if len(names) != len(outputs):
        raise UserError(
            f"{config.folder}: the net returns {len(outputs)} outputs, "
            f"but output_names gives {len(names)} names: {', '.join(names)}"
        )
    outputs = [replace(spec, name=name) for spec, name in zip(outputs, names)]
    metadata = {
        "model": os.path.basename(config.folder),
        "inputs": [asdict(spec) for spec in inputs],
        "outputs": [asdict(spec) for spec in outputs],
        "tasks": list(tasks or names),
        **({"task_facts": list(task_facts)} if task_facts else {}),
        "paddle": paddle.__version__,
        "record": model_record.of(config),
        # A reader needs these to yield rows in the form of the training data.
        "hyper_parameters": {
            key[len(_HYPER) :]: value for key, value in config.items() if key.startswith(_HYPER)
        },
    }
    return ExportedModel(graph, prefix + PARAMETERS_ENDING, metadata)
