"""Saves and removes checkpoints. A checkpoint is saved completely or not at all."""

from __future__ import annotations

import errno
import logging
import os
import shutil
import time
from collections.abc import Callable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import paddle

from engine.checkpoints import facts as facts_of
from engine.checkpoints import formats
from engine.checkpoints.find import saved
from engine.checkpoints.layout import BEST, EXPORTS, INTERRUPTED, is_epoch, recover
from engine.system import atomic_files
from engine.system.errors import UserError

logger = logging.getLogger(__name__)


def save(
    root: str,
    epoch: int,
    prefix: str,
    parts: Mapping[str, Any],
    facts: Mapping,
    export: Callable[[str], None] | None = None,
    name: str | None = None,
    form: str = "paddle",
) -> str:
    """Saves a checkpoint and returns its folder.

    All files are written to a hidden folder and flushed to disk. Then the folder is renamed. If the
    run is killed, there is either the old checkpoint or the new one.

    Args:
        root: ``runner.model_save_path``.
        epoch: the epoch's number.
        prefix: ``rec`` or ``rec_static``.
        parts: the contents of the files by the endings of Paddle's files; see `formats`.
        facts: the facts about the run that the ``.json`` file records.
        export: takes the new folder and writes an inference model there.
        name: the folder's name; by default the epoch's number.
        form: ``runner.checkpoint_format``.

    Raises:
        UserError: the checkpoint cannot be saved; an older one is unchanged.
    """
    name = name or str(epoch)
    final = os.path.join(root, name)
    building = os.path.join(root, f".{name}.{prefix}.new")
    replaced = os.path.join(root, f".{name}.{prefix}.old")
    facts = {"epoch": epoch, "saved_at": time.time(), "paddle": paddle.__version__, **facts}
    try:
        os.makedirs(root, exist_ok=True)
        recover(root, prefix)
        os.mkdir(building)
        for part, content in parts.items():
            file = f"{prefix}.{formats.ending(part, form)}"
            formats.write(os.path.join(building, file), content)
        if export:
            export(building)
        # Side by side: flushing waits for the disk, and checksums need a processor.
        with ThreadPoolExecutor(1) as pool:
            flushed = pool.submit(atomic_files.flush_tree, building)
            facts_of.write(building, prefix, facts)
        flushed.result()
        outdated = tuple(f"{kind}." for kind in (prefix, EXPORTS.get(prefix, prefix)))
        for other in os.listdir(final) if os.path.isdir(final) else ():
            if not other.startswith(outdated):  # keep the other graph's checkpoint and export
                _link(os.path.join(final, other), os.path.join(building, other))
        atomic_files.flush_tree(building)
        if os.path.isdir(final):
            os.rename(final, replaced)
        os.rename(building, final)
        atomic_files.flush(root)
        shutil.rmtree(replaced, ignore_errors=True)
    except BaseException as error:
        # Paddle's writers of inference models do not report a full disk, or not clearly.
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
    """Removes one graph's checkpoint; removes the folder too if it is then empty.

    Args:
        root: ``runner.model_save_path``.
        name: the name of the checkpoint's folder.
        prefix: ``rec`` or ``rec_static``.
        export: whether to remove the inference model in the same folder too.

    Raises:
        UserError: it cannot be removed.
    """
    folder = os.path.join(root, name)
    kinds = (f"{prefix}.", f"{EXPORTS[prefix]}.") if export else (f"{prefix}.",)
    try:
        files = os.listdir(folder)
        outdated = [file for file in files if file.startswith(kinds)]
        if len(outdated) == len(files):  # renamed first, so that no partial checkpoint can stay
            removed = os.path.join(root, f".{name}.{prefix}.gone")
            os.rename(folder, removed)
            shutil.rmtree(removed)
            return
        # The facts first: without them the folder no longer counts as a checkpoint.
        for file in sorted(outdated, key=lambda file: file != f"{prefix}.json"):
            path = os.path.join(folder, file)
            shutil.rmtree(path) if os.path.isdir(path) else os.remove(path)
    except FileNotFoundError:
        return
    except OSError as error:
        raise UserError(f"cannot remove {folder}: {error.strerror or error}") from error


def move(root: str, name: str, prefix: str, target: str) -> None:
    """Moves one graph's checkpoint, with the exports that were made from it, to another folder.

    Args:
        root: ``runner.model_save_path``.
        name: the name of the checkpoint's folder.
        prefix: ``rec`` or ``rec_static``.
        target: the folder that gets a folder of the same name.

    Raises:
        UserError: it cannot be moved.
    """
    source, target = os.path.join(root, name), os.path.join(target, name)
    try:
        files = os.listdir(source)
        own = [file for file in files if file.startswith((f"{prefix}.", f"{EXPORTS[prefix]}."))]
        if len(own) == len(files) and not os.path.exists(target):
            os.makedirs(os.path.dirname(target), exist_ok=True)
            os.rename(source, target)
            return
        os.makedirs(target, exist_ok=True)
        # The facts last: if the run is killed, the next one moves the rest.
        for file in sorted(own, key=lambda file: file == f"{prefix}.json"):
            os.rename(os.path.join(source, file), os.path.join(target, file))
        if len(own) == len(files):
            os.rmdir(source)
    except OSError as error:
        raise UserError(f"cannot move {source} to {target}: {error.strerror or error}") from error


def prune(root: str, prefix: str, keep: int) -> None:
    """Removes one graph's checkpoints except those that were saved last.

    The checkpoints of static graph are removed together with their inference models.

    Args:
        root: ``runner.model_save_path``.
        prefix: ``rec`` or ``rec_static``.
        keep: the number of epochs to keep.

    Raises:
        UserError: a checkpoint cannot be removed.
    """
    names = [os.path.basename(folder) for folder, _ in saved(root, prefix)]
    for name in [name for name in names if name != INTERRUPTED][:-keep]:
        remove(root, name, prefix, export=prefix == "rec_static")
        logger.info("removed %s: runner.keep_checkpoints = %d", os.path.join(root, name), keep)


def check_writable(root: str) -> str:
    """Checks that checkpoints can be saved in a folder, before training or an export starts.

    Returns:
        The folder, or its nearest existing parent.

    Raises:
        UserError: the folder cannot be written, or a file has the name of a checkpoint's folder.
    """
    existing = atomic_files.check_writable(root)
    for name in os.listdir(root) if existing == root else ():
        path = os.path.join(root, name)
        if (is_epoch(name) or name in (INTERRUPTED, BEST)) and not os.path.isdir(path):
            raise UserError(f"cannot save to {root}: {path} is not a folder")
    return existing


def _is_full(folder: str) -> bool:
    """Returns whether the file system of a folder has no space left for this user."""
    try:
        return os.statvfs(folder).f_bavail == 0
    except OSError:
        return False


def _link(source: str, target: str) -> None:
    """Links a file, or the files of a folder; copies them if the file system has no hard links."""
    if os.path.isdir(source):  # tables of parameter servers
        shutil.copytree(source, target, copy_function=_link)
        return
    try:
        os.link(source, target)
    except OSError:
        shutil.copy2(source, target)
