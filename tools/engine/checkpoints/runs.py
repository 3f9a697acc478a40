"""Identifies trainings, so that the checkpoints of two of them never look like one run.

Each training has a random id, which all its checkpoints record; a resumed training keeps it. A
training that does not resume needs a folder without checkpoints of its graph:

- After the same command, with the same settings, the earlier checkpoints are moved to
  ``<model_save_path>/run_<id>/``, which is a folder of checkpoints itself.
- Checkpoints of another training are an error, which names the difference.
- With ``runner.overwrite`` either are removed.
"""

from __future__ import annotations

import json
import logging
import os
import secrets
import time
from collections.abc import Mapping
from typing import Any

from engine.checkpoints import facts as facts_of
from engine.checkpoints import store
from engine.checkpoints.layout import BEST, INTERRUPTED, is_epoch
from engine.config.config import Config
from engine.config.runner_keys import REQUIRED, RUNNER
from engine.model_folder import loading
from engine.system.errors import UserError

logger = logging.getLogger(__name__)

KEY = "run"  # of the facts
_UNKNOWN = "unknown"  # the id of checkpoints without a run: PaddleRec's, and those of old versions

# The keys of runner that determine what a training computes.
_KEYS = ("train_data_dir", "train_reader_path", "reader_type", "user_define_reader", "epochs")
_KEYS += ("train_batch_size", "drop_last", "shuffle", "seed", "on_nan", "model_init_path")
_KEYS += ("init_scope", "ema_decay", "valid_data_dir", "valid_interval", "valid_metric")
_KEYS += ("early_stopping_patience", "early_stopping_min_delta")
# Recorded where they are set: older checkpoints do not have them.
_LATER_KEYS = ("extend_vocabulary", "new_rows", "evict_after", "evict_below")

Found = Mapping[str, Mapping[str, Any]]  # the facts of checkpoints, by the names of their folders


def identity(config: Config, resumed: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """Returns the identity of a training: its id, when it started, and its settings.

    Args:
        config: the configuration.
        resumed: the facts of the checkpoint that the training resumes; None for a new one.
    """
    new = {"id": secrets.token_hex(4), "started_at": time.time()}
    saved = (resumed or {}).get(KEY, new)
    return {**{key: saved[key] for key in new}, "settings": _settings(config)}


def describe(facts: Mapping[str, Any]) -> str:
    """Returns a checkpoint's run and epoch as text: ``run 3f2a91c0, epoch 4``."""
    if "epoch" not in facts:
        return "run and epoch are not recorded"
    run = facts[KEY]["id"] if KEY in facts else _UNKNOWN
    inside = f", {facts['batches']} batches done" if "batches" in facts else ""
    return f"run {run}, epoch {facts['epoch']}{inside}"


def check(config: Config, prefix: str) -> None:
    """Checks before a training that its folder may be used.

    Raises:
        UserError: it has checkpoints of another training, and nothing says what to do with them.
    """
    root = config.runner("model_save_path")
    found = _find(root, prefix)
    if not found or _is_resumed(config, found):
        return
    if config.runner("overwrite"):
        start = os.path.realpath(config.runner("model_init_path") or "")
        if start in (os.path.realpath(os.path.join(root, name)) for name in found):
            raise config.error("runner.overwrite", f"it would remove the warm start, {start}")
        return
    difference = _difference(found, _settings(config))
    if difference:
        raise UserError(
            f"{root} has checkpoints of another training ({_listed(found)}): {difference}; "
            "runner.resume=True continues it, runner.overwrite=True removes its checkpoints, "
            "another runner.model_save_path keeps them"
        )


def clear(config: Config, prefix: str) -> None:
    """Removes or moves the checkpoints of an earlier training, before a new one starts.

    Raises:
        UserError: see `check`; or a checkpoint cannot be removed or moved.
    """
    check(config, prefix)
    root = config.runner("model_save_path")
    found = _find(root, prefix)
    if not found:
        return
    if config.runner("overwrite"):
        for name in found:
            store.remove(root, name, prefix, export=prefix == "rec_static")
        logger.info("removed the checkpoints of %s from %s", _listed(found), root)
        return
    for name, facts in found.items():
        target = os.path.join(root, f"run_{facts[KEY]['id']}")
        store.move(root, name, prefix, target)
    logger.info(
        "%s: the same training was run before; its checkpoints (%s) are in %s now",
        root,
        _listed(found),
        target,
    )


def _find(root: str, prefix: str) -> dict[str, dict[str, Any]]:
    """Returns the facts of one graph's checkpoints in a folder, in the order of their names."""
    found = {}
    names = os.listdir(root) if os.path.isdir(root) else []
    for name in sorted(names, key=lambda name: (not is_epoch(name), name.zfill(20))):
        folder = os.path.join(root, name)
        if not (is_epoch(name) or name in (BEST, INTERRUPTED)) or not os.path.isdir(folder):
            continue
        try:
            files = os.listdir(folder)
        except OSError as error:
            raise UserError(f"cannot save to {folder}: {error.strerror or error}") from error
        if any(file.startswith(f"{prefix}.") for file in files):
            found[name] = facts_of.read(folder, prefix)
    return found


def _is_resumed(config: Config, found: Found) -> bool:
    return config.runner("resume") and any(name != BEST for name in found)


def _difference(found: Found, settings: Mapping[str, Any]) -> str:
    """Returns how an earlier training differs from a new one; empty if its settings are equal."""
    for name, facts in found.items():
        if KEY not in facts:
            return f"{name} does not record its run"
        saved = facts[KEY]["settings"]
        for key in sorted({*saved, *settings}):
            if saved.get(key) != settings.get(key):
                return f"it has {key} = {saved.get(key)!r:.80}, this one {settings.get(key)!r:.80}"
    return ""


def _listed(found: Found) -> str:
    """Returns the checkpoints by their runs: ``run 3f2a91c0: 0, 1, 2, best``."""
    by_run: dict[str, list[str]] = {}
    for name, facts in found.items():
        run = facts[KEY]["id"] if KEY in facts else _UNKNOWN
        by_run.setdefault(run, []).append(name)
    return "; ".join(f"run {run}: {', '.join(names)}" for run, names in by_run.items())


def _settings(config: Config) -> dict[str, Any]:
    """Returns the settings that determine what a training computes, in JSON's types.

    What follows from the data, such as vocabulary sizes, is left out: data files may change.
    """
    declared = loading.hyper_parameters(config.folder) or {}
    values = {f"hyper_parameters.{name}": default for name, default in declared.items()}
    for key, value in config.items():
        if key.startswith("hyper_parameters.") and key not in config.derived:
            values[key] = value
    for name in _KEYS:
        is_set = config.get(f"runner.{name}") is not None
        has_value = is_set or RUNNER[name].default is not REQUIRED
        values[f"runner.{name}"] = config.runner(name) if has_value else None
    for name in _LATER_KEYS:
        if config.runner(name) != RUNNER[name].default:
            values[f"runner.{name}"] = config.runner(name)
    return json.loads(json.dumps(values, default=str, sort_keys=True))
