"""Reads, writes and verifies ``<prefix>.meta.json``, the metadata of an exported model.

The metadata name inputs, outputs and tasks. Graph files do not keep these names: PIR calls the
outputs ``fetch_name_0`` and so on.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Mapping, Sequence
from typing import Any

from engine.checkpoints import facts as facts_of
from engine.deployment.exported_model import task_facts
from engine.deployment.exported_model.model import (
    GRAPH_FORMATS,
    METADATA_ENDING,
    ExportedModel,
    tensor_specs,
)
from engine.system.errors import UserError


def read_metadata(graph: str) -> dict[str, Any]:
    """Returns the metadata beside a graph file; empty if there is no such file.

    Raises:
        UserError: the file is damaged.
    """
    path = os.path.splitext(graph)[0] + METADATA_ENDING
    if not os.path.isfile(path):
        return {}
    try:
        with open(path, encoding="utf-8") as file:
            metadata = json.load(file)
        tensor_specs([*metadata["inputs"], *metadata["outputs"]])
        facts_of.check_kinds(metadata.get("record", {}), facts_of.KINDS["model"], "record.")
        task_facts.check(metadata)
        for entry in metadata.get("files", {}).values():
            entry["sha256"]
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise UserError(
            f"{path} is damaged ({type(error).__name__}: {error}); export the model again"
        ) from error
    return metadata


def write_metadata(
    models: Sequence[ExportedModel], checkpoint: str, facts: Mapping[str, Any] | None = None
) -> None:
    """Writes ``<prefix>.meta.json`` for one model.

    Args:
        models: the model in each format that was exported.
        checkpoint: the parameter file of the checkpoint that was exported.
        facts: the checkpoint's facts, if they are known.
    """
    source = {"checkpoint": os.path.basename(checkpoint), "sha256": sha256(checkpoint)}
    if facts:
        from engine.checkpoints import runs  # here: it imports Paddle, which ONNX does not need

        source["of"] = runs.describe(facts)
    formats = {}
    for model in models:
        formats[model.graph] = GRAPH_FORMATS[os.path.splitext(model.graph)[1]]
        if model.parameters:
            formats[model.parameters] = "parameters"
    metadata = {
        **models[0].metadata,
        "files": {
            os.path.basename(path): {"format": name, "sha256": sha256(path)}
            for path, name in formats.items()
        },
        "source": source,
    }
    with open(models[0].prefix + METADATA_ENDING, "w", encoding="utf-8") as file:
        json.dump(metadata, file, indent=2, ensure_ascii=False, default=str)


def check_hashes(model: ExportedModel) -> None:
    """Checks that the model's files have the hashes in its metadata.

    Paddle itself loads a truncated parameter file, or that of another model, without an error.

    Raises:
        UserError: a file has another hash.
    """
    entries = model.metadata.get("files", {})
    parameters = next((e for e in entries.values() if e.get("format") == "parameters"), None)
    expected = {model.graph: entries.get(os.path.basename(model.graph))}
    if model.parameters:
        expected[model.parameters] = parameters  # the file may have been renamed
    for path, entry in expected.items():
        if entry and entry["sha256"] != sha256(path):
            name = os.path.basename(model.prefix) + METADATA_ENDING
            raise UserError(
                f"{path} does not have the SHA-256 in {name}: the file is damaged or belongs to "
                "another model; export the model again"
            )


def sha256(path: str) -> str:
    """Returns the SHA-256 of a file, in hexadecimal."""
    digest = hashlib.sha256()
    with open(path, "rb") as file:
        for part in iter(lambda: file.read(1 << 20), b""):
            digest.update(part)
    return digest.hexdigest()
