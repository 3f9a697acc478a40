"""Finds checkpoints and reads them."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.checkpoints import formats, matching, server_tables
from engine.checkpoints.layout import INTERRUPTED, path_of, recover
from engine.system.errors import UserError

Arrays = Mapping[str, np.ndarray]


def newest(root: str, prefix: str) -> tuple[str, dict] | None:
    """Returns the folder last saved under ``root`` and its facts, or None.

    The last one saved, not the highest epoch: the folder may still hold an older, longer run.
    What an interrupted run saved inside an epoch counts like an epoch.
    """
    if not os.path.isdir(root):
        return None
    try:
        recover(root, prefix)
    except OSError as error:
        raise UserError(f"cannot clear up {root}: {error.strerror or error}") from error
    found = saved(root, prefix)
    return found[-1] if found else None


def saved(root: str, prefix: str) -> list[tuple[str, dict]]:
    """Returns the checkpoints' folders under ``root`` and their facts, the last one saved last."""
    found = []
    for name in os.listdir(root) if os.path.isdir(root) else ():
        folder = os.path.join(root, name)
        known = name.isdigit() or name == INTERRUPTED
        if known and os.path.isfile(os.path.join(folder, f"{prefix}.json")):
            found.append((folder, facts_beside(folder, prefix)))
    return sorted(found, key=lambda item: item[1]["saved_at"])


def facts_beside(folder: str, prefix: str) -> dict:
    """Returns what a run wrote about its checkpoint, or nothing if it wrote none (PaddleRec's).

    Raises:
        UserError: the file is damaged.
    """
    path = os.path.join(folder, f"{prefix}.json")
    if not os.path.isfile(path):
        return {}
    try:
        with open(path, encoding="utf-8") as file:
            facts = json.load(file)
        return {**facts, "saved_at": facts["saved_at"]}
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise UserError(f"{path} is damaged: {type(error).__name__}: {error}") from error


def parameters(folder: str, prefix: str) -> tuple[Arrays, str]:
    """Returns a checkpoint's parameters and the prefix that they were found under.

    Args:
        folder: an epoch's folder.
        prefix: the graph asked for; the other one's are taken if only they are there.
    """
    other = {"rec": "rec_static", "rec_static": "rec"}[prefix]
    for candidate in (prefix, other):
        path = path_of(folder, candidate, "pdparams")
        if os.path.isfile(path):
            return {**formats.read(path), **_tables(folder, candidate)}, candidate
    raise UserError(f"there is no checkpoint {folder}/{prefix}.pdparams")


def _tables(folder: str, prefix: str) -> Arrays:
    """Returns the tables that parameter servers saved beside a checkpoint's other parameters."""
    saved = facts_beside(folder, prefix).get("tables", {})
    return server_tables.read(server_tables.folder_of(folder, prefix), saved)


def state(folder: str, prefix: str, shapes: Mapping[str, tuple]) -> dict[str, Any]:
    """Returns all that a checkpoint, which must fit the model exactly, holds to train on from."""
    parts = ["pdparams", "pdopt"]
    if os.path.isfile(path_of(folder, prefix, formats.AVERAGES)):
        parts.append(formats.AVERAGES)
    found = {part: formats.read(path_of(folder, prefix, part)) for part in parts}
    matching.check(found["pdparams"], shapes, folder)
    return found
