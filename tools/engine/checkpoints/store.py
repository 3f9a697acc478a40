"""Checkpoints: saved whole or not at all, found again, read into a model.

``<model_save_path>/<epoch>/`` holds ``rec.*`` of a dygraph run or ``rec_static.*`` of a static
one: ``.pdparams`` (parameters), ``.pdopt`` (optimizer and learning rate) and ``.json`` (epoch,
seed, when and with what it was saved); with ``runner.ema_decay`` the parameters are averages, and
``.pdema`` holds those that training goes on with. Inference models made of them lie beside:
``tostatic.*`` and ``rec_inference.*``. ``<model_save_path>/interrupted/`` holds the same files of a
run that ended inside an epoch, and ``.progress.npz``: how far it was. ``<model_save_path>/best/``
holds those of the best evaluation on ``runner.valid_data_dir``.
"""

from __future__ import annotations

import errno
import json
import logging
import os
import re
import shutil
import time
from collections.abc import Callable, Mapping
from typing import Any

import numpy as np
import paddle

from engine.checkpoints import formats, matching, server_tables
from engine.graphs import averages
from engine.system.errors import UserError

logger = logging.getLogger(__name__)

Arrays = Mapping[str, np.ndarray]

EXPORTS = {"rec": "tostatic", "rec_static": "rec_inference"}  # inference models made of them
INTERRUPTED = "interrupted"  # the folder of what was saved inside an epoch
BEST = "best"  # that of the best evaluation


def save(
    root: str,
    epoch: int,
    prefix: str,
    parts: Mapping[str, Any],
    about: Mapping,
    export: Callable[[str], None] | None = None,
    name: str | None = None,
    form: str = "paddle",
) -> str:
    """Saves a checkpoint and returns its folder.

    Everything is written to a hidden folder and flushed to the disk before that folder takes
    its name, so a run that is killed leaves what was there as it was, or whole.

    Args:
        root: ``runner.model_save_path``.
        epoch: the epoch's number.
        prefix: ``rec`` or ``rec_static``.
        parts: what to write, by the endings of Paddle's files.
        about: facts for the ``.json`` beside them.
        export: writes an inference model into the folder that it is given.
        name: the folder's name; the epoch's number if not given.
        form: ``runner.checkpoint_format``.

    Raises:
        UserError: it cannot be saved; what was there is as it was.
    """
    name = name or str(epoch)
    final = os.path.join(root, name)
    building = os.path.join(root, f".{name}.{prefix}.new")
    replaced = os.path.join(root, f".{name}.{prefix}.old")
    facts = {"epoch": epoch, "saved_at": time.time(), "paddle": paddle.__version__, **about}
    try:
        os.makedirs(root, exist_ok=True)
        _recover(root, prefix)
        os.mkdir(building)
        for part, content in parts.items():
            file = f"{prefix}.{formats.ending(part, form)}"
            formats.write(os.path.join(building, file), content)
        with open(os.path.join(building, f"{prefix}.json"), "w", encoding="utf-8") as opened:
            json.dump(facts, opened, indent=2)
        if export:
            export(building)
        outdated = tuple(f"{kind}." for kind in (prefix, EXPORTS[prefix]))
        for other in os.listdir(final) if os.path.isdir(final) else ():
            if not other.startswith(outdated):  # the other graph's checkpoint and export stay
                _link(os.path.join(final, other), os.path.join(building, other))
        _flush_all(building)
        if os.path.isdir(final):
            os.rename(final, replaced)
        os.rename(building, final)
        _flush(root)
        shutil.rmtree(replaced, ignore_errors=True)
    except BaseException as error:
        # Paddle's own writers of inference models do not tell, or not so that one understands it.
        full = isinstance(error, Exception) and _is_full(root)
        shutil.rmtree(building, ignore_errors=True)
        if os.path.isdir(replaced) and not os.path.exists(final):
            os.rename(replaced, final)
        if full or isinstance(error, OSError):
            reason = os.strerror(errno.ENOSPC) if full else error.strerror or error
            raise UserError(f"cannot save to {final}: {reason}") from error
        raise
    return final


def remove(root: str, name: str, prefix: str, export: bool = False) -> None:
    """Removes one graph's checkpoint from a folder, and the folder if that leaves it empty.

    Args:
        root: ``runner.model_save_path``.
        name: the checkpoint's folder.
        prefix: ``rec`` or ``rec_static``.
        export: whether the inference model beside it goes too.

    Raises:
        UserError: it cannot be removed.
    """
    folder = os.path.join(root, name)
    kinds = (f"{prefix}.", f"{EXPORTS[prefix]}.") if export else (f"{prefix}.",)
    try:
        there = os.listdir(folder)
        found = [file for file in there if file.startswith(kinds)]
        if len(found) == len(there):  # under another name until it is gone, lest half of it stays
            removed = os.path.join(root, f".{name}.{prefix}.gone")
            os.rename(folder, removed)
            shutil.rmtree(removed)
            return
        for file in sorted(found, key=lambda file: file != f"{prefix}.json"):
            path = os.path.join(folder, file)  # first what makes it count
            shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise UserError(f"cannot remove {folder}: {error.strerror or error}") from error


def prune(root: str, prefix: str, keep: int) -> None:
    """Removes one graph's checkpoints of all epochs but those saved last, and their exports.

    Args:
        root: ``runner.model_save_path``.
        prefix: ``rec`` or ``rec_static``.
        keep: how many epochs are kept.

    Raises:
        UserError: one cannot be removed.
    """
    names = [os.path.basename(folder) for folder, _ in saved(root, prefix)]
    for name in [name for name in names if name != INTERRUPTED][:-keep]:
        remove(root, name, prefix, export=prefix == "rec_static")
        logger.info("removed %s: runner.keep_checkpoints = %d", os.path.join(root, name), keep)


def check_writable(root: str) -> str:
    """Makes sure, before anything is trained or made, that it can be saved.

    Returns:
        The folder ``root``, or the nearest one above it that exists.

    Raises:
        UserError: they cannot.
    """
    place = root
    while not os.path.exists(place):
        place = os.path.dirname(place)
    if not os.path.isdir(place):
        raise UserError(f"cannot save to {root}: {place} is no folder")
    if not os.access(place, os.W_OK | os.X_OK):
        raise UserError(f"cannot save to {root}: no permission to write in {place}")
    if place == root:
        for name in os.listdir(root):
            path = os.path.join(root, name)
            if (name.isdigit() or name in (INTERRUPTED, BEST)) and not os.path.isdir(path):
                raise UserError(f"cannot save to {root}: {path} is no folder")
    return place


def _recover(root: str, prefix: str) -> None:
    """Undoes what a killed run of the same graph left behind in a checkpoint folder."""
    for name in os.listdir(root):
        found = re.fullmatch(rf"\.(\d+|{INTERRUPTED}|{BEST})\.{prefix}\.(new|old|gone)", name)
        if not found:
            continue
        taken, state = found.groups()
        if state == "old" and not os.path.exists(os.path.join(root, taken)):
            os.rename(os.path.join(root, name), os.path.join(root, taken))
        else:
            shutil.rmtree(os.path.join(root, name))


def _is_full(folder: str) -> bool:
    """Whether a folder's file system has no space left for this user."""
    try:
        return os.statvfs(folder).f_bavail == 0
    except OSError:
        return False


def _link(source: str, target: str) -> None:
    if os.path.isdir(source):  # tables of parameter servers
        shutil.copytree(source, target, copy_function=_link)
        return
    try:
        os.link(source, target)
    except OSError:  # some file systems have no hard links
        shutil.copy2(source, target)


def _flush_all(folder: str) -> None:
    for place, _, files in os.walk(folder, topdown=False):
        for name in files:
            _flush(os.path.join(place, name))
        _flush(place)


def _flush(path: str) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def newest(root: str, prefix: str) -> tuple[str, dict] | None:
    """Returns the folder last saved under ``root`` and its facts, or None.

    The last one saved, not the highest epoch: the folder may still hold an older, longer run.
    What an interrupted run saved inside an epoch counts like an epoch.
    """
    if not os.path.isdir(root):
        return None
    try:
        _recover(root, prefix)
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


def load(path: str) -> dict[str, Any]:
    """Reads one file of a checkpoint; its arrays are NumPy's.

    Raises:
        UserError: it is missing or damaged.
    """
    return formats.read(path)


def path_of(folder: str, prefix: str, part: str) -> str:
    """Returns the file of a checkpoint's part, in whichever format it is there."""
    return formats.find(os.path.join(folder, prefix), part)


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
            return {**load(path), **_tables(folder, candidate)}, candidate
    raise UserError(f"there is no checkpoint {folder}/{prefix}.pdparams")


def _tables(folder: str, prefix: str) -> Arrays:
    """Returns the tables that parameter servers saved beside a checkpoint's other parameters."""
    saved = facts_beside(folder, prefix).get("tables", {})
    return server_tables.read(server_tables.folder_of(folder, prefix), saved)


def state(folder: str, prefix: str, shapes: Mapping[str, tuple]) -> dict[str, Any]:
    """Returns all that a checkpoint, which must fit the model exactly, holds to train on from."""
    parts = ["pdparams", "pdopt"]
    if os.path.isfile(path_of(folder, prefix, averages.PART)):
        parts.append(averages.PART)
    found = {part: load(path_of(folder, prefix, part)) for part in parts}
    matching.check(found["pdparams"], shapes, folder)
    return found
