"""Finds checkpoints and reads their parameters, state and facts."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.checkpoints import formats, matching, server_tables
from engine.checkpoints.layout import INTERRUPTED, is_epoch, path_of, recover
from engine.system.errors import UserError

Arrays = Mapping[str, np.ndarray]


def newest(root: str, prefix: str) -> tuple[str, dict] | None:
    """Returns the folder and the facts of the checkpoint that was saved last, or None.

    This is not always the highest epoch, because ``root`` may still contain an older, longer run.
    The checkpoint of an interrupted run counts too.

    Args:
        root: ``runner.model_save_path``.
        prefix: ``rec`` or ``rec_static``.

    Raises:
        UserError: facts are damaged, or the remains of a killed run cannot be removed.
    """
    if not os.path.isdir(root):
        return None
    try:
        recover(root, prefix)
    except OSError as error:
        reason = error.strerror or error
        problem = f"cannot remove the remains of a killed run in {root}: {reason}"
        raise UserError(problem) from error
    checkpoints = saved(root, prefix)
    return checkpoints[-1] if checkpoints else None


def saved(root: str, prefix: str) -> list[tuple[str, dict]]:
    """Returns the folders and the facts of the checkpoints in ``root``, in the order of saving.

    Raises:
        UserError: facts are damaged.
    """
    checkpoints = []
    for name in os.listdir(root) if os.path.isdir(root) else ():
        folder = os.path.join(root, name)
        is_checkpoint = is_epoch(name) or name == INTERRUPTED
        if is_checkpoint and os.path.isfile(os.path.join(folder, f"{prefix}.json")):
            checkpoints.append((folder, read_facts(folder, prefix)))
    return sorted(checkpoints, key=lambda checkpoint: checkpoint[1]["saved_at"])


def read_facts(folder: str, prefix: str) -> dict:
    """Returns the facts that a checkpoint records about its run; PaddleRec's checkpoints have none.

    Args:
        folder: the checkpoint's folder.
        prefix: ``rec`` or ``rec_static``.

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
    """Returns a checkpoint's parameters, and the prefix of their file.

    Args:
        folder: the checkpoint's folder.
        prefix: the graph, ``rec`` or ``rec_static``. Its file is preferred to the other graph's.

    Raises:
        UserError: there is no file, or it is damaged.
    """
    other = {"rec": "rec_static", "rec_static": "rec"}[prefix]
    for candidate in (prefix, other):
        path = path_of(folder, candidate, "pdparams")
        if os.path.isfile(path):
            return {**formats.read(path), **_tables(folder, candidate)}, candidate
    raise UserError(f"there is no checkpoint {folder}/{prefix}.pdparams")


def _tables(folder: str, prefix: str) -> Arrays:
    """Returns the embedding tables that parameter servers saved in separate files."""
    saved = read_facts(folder, prefix).get("tables", {})
    return server_tables.read(server_tables.folder_of(folder, prefix), saved)


def state(folder: str, prefix: str, shapes: Mapping[str, tuple]) -> dict[str, Any]:
    """Returns the parts of a checkpoint from which training resumes.

    Args:
        folder: the checkpoint's folder.
        prefix: ``rec`` or ``rec_static``.
        shapes: the shapes of the model's parameters by name.

    Raises:
        UserError: a file is missing or damaged, or the parameters do not fit the model.
    """
    parts = ["pdparams", "pdopt"]
    if os.path.isfile(path_of(folder, prefix, formats.AVERAGES)):
        parts.append(formats.AVERAGES)
    contents = {part: formats.read(path_of(folder, prefix, part)) for part in parts}
    matching.check(contents["pdparams"], shapes, folder)
    return contents
