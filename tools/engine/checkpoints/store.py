"""Writes and removes checkpoints: each is saved completely or not at all."""

from __future__ import annotations

import errno
import json
import logging
import os
import shutil
import time
from collections.abc import Callable, Mapping
from typing import Any

import paddle

from engine.checkpoints import formats
from engine.checkpoints.find import saved
from engine.checkpoints.layout import BEST, EXPORTS, INTERRUPTED, recover
from engine.system import atomic_files
from engine.system.errors import UserError

logger = logging.getLogger(__name__)


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
        recover(root, prefix)
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
        atomic_files.flush(root)
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
    """Checks, before training or exporting starts, that checkpoints can be saved in a folder.

    Returns:
        The folder ``root``, or the nearest existing folder above it.

    Raises:
        UserError: nothing can be written there, or a file lies where a checkpoint's folder belongs.
    """
    place = atomic_files.check_writable(root)
    for name in os.listdir(root) if place == root else ():
        path = os.path.join(root, name)
        if (name.isdigit() or name in (INTERRUPTED, BEST)) and not os.path.isdir(path):
            raise UserError(f"cannot save to {root}: {path} is not a folder")
    return place


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
            atomic_files.flush(os.path.join(place, name))
        atomic_files.flush(place)
