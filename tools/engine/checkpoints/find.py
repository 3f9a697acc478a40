"""Finds checkpoints and reads their parameters, state and facts."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.checkpoints import facts as facts_of
from engine.checkpoints import formats, matching, server_tables
from engine.checkpoints.layout import EXPORTS, INTERRUPTED, is_epoch, path_of, recover
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
            checkpoints.append((folder, facts_of.read(folder, prefix)))
    return sorted(checkpoints, key=lambda checkpoint: checkpoint[1]["saved_at"])


def parameters(folder: str, prefix: str) -> tuple[Arrays, str]:
    """Returns a checkpoint's parameters, and the prefix of their file.

    Args:
        folder: the checkpoint's folder.
        prefix: the graph, ``rec`` or ``rec_static``. Its file is preferred to the other graph's.

    Raises:
        UserError: there is no file, or it is damaged.
    """
    prefix = prefix_of(folder, prefix)
    return {**part(folder, prefix, "pdparams"), **_tables(folder, prefix)}, prefix


def prefix_of(folder: str, prefix: str) -> str:
    """Returns the prefix of a checkpoint's parameter file: the graph's own, or the other one.

    Args:
        folder: the checkpoint's folder.
        prefix: the graph, ``rec`` or ``rec_static``.

    Raises:
        UserError: there is no such file.
    """
    for candidate in (prefix, *(other for other in EXPORTS if other != prefix)):
        if os.path.isfile(path_of(folder, candidate, "pdparams")):
            return candidate
    raise UserError(f"there is no checkpoint {folder}/{prefix}.pdparams")


def facts(folder: str, prefix: str) -> dict[str, Any]:
    """Returns the facts that belong to the parameters which `parameters` would return.

    Raises:
        UserError: there are no parameters, or the facts are damaged.
    """
    return facts_of.read(folder, prefix_of(folder, prefix))


def part(folder: str, prefix: str, name: str) -> dict[str, Any]:
    """Returns the content of one file of a checkpoint; see `formats`.

    Args:
        folder: the checkpoint's folder.
        prefix: ``rec`` or ``rec_static``.
        name: ``pdparams``, ``pdopt``, ``pdema`` or ``progress.npz``.

    Raises:
        UserError: the file is missing or damaged.
    """
    path, saved = path_of(folder, prefix, name), facts_of.read(folder, prefix)
    return facts_of.read_checked(path, folder, saved, formats.read)


def _tables(folder: str, prefix: str) -> Arrays:
    """Returns the embedding tables that parameter servers saved in separate files."""
    saved = facts_of.read(folder, prefix)
    if "tables" not in saved:
        return {}
    facts_of.check_files(folder, saved)
    return server_tables.read(server_tables.folder_of(folder, prefix), saved["tables"])


def state(folder: str, prefix: str, shapes: Mapping[str, tuple]) -> dict[str, Any]:
    """Returns the parts of a checkpoint from which training resumes.

    Args:
        folder: the checkpoint's folder.
        prefix: ``rec`` or ``rec_static``.
        shapes: the shapes of the model's parameters by name.

    Raises:
        UserError: a file is missing or damaged, or the parameters do not fit the model.
    """
    contents = parts(folder, prefix)
    matching.check(contents["pdparams"], shapes, folder)
    return contents


def parts(folder: str, prefix: str) -> dict[str, Any]:
    """Returns the parts of a checkpoint by file ending: parameters, optimizer state, averages.

    Args:
        folder: the checkpoint's folder.
        prefix: ``rec`` or ``rec_static``.

    Raises:
        UserError: a file is missing or damaged.
    """
    names = ["pdparams", "pdopt"]
    averages = path_of(folder, prefix, formats.AVERAGES)
    listed = facts_of.read(folder, prefix).get(facts_of.FILES, ())
    if os.path.isfile(averages) or os.path.basename(averages) in listed:
        names.append(formats.AVERAGES)
    return {name: part(folder, prefix, name) for name in names}
