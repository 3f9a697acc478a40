"""Converts a checkpoint between this project's parameter names and PaddleRec's."""

from __future__ import annotations

import logging
import os
import tempfile
import time
from typing import Any

import paddle

from engine.checkpoints import facts as facts_of
from engine.checkpoints import find, layout, matching, model_record, runs, store
from engine.config.config import Config
from engine.data import encoding
from engine.graphs import checkpoint_loading
from engine.graphs.dygraph import DygraphSession
from engine.system import atomic_files, logs
from engine.system.errors import UserError

logger = logging.getLogger(__name__)

_CONVERTED = "converted_from"  # the key of the facts that only converted checkpoints have


def convert(config: Config, source: str, target: str, names: str, prefix: str) -> None:
    """Writes the parameters of a checkpoint under the names that ``names`` selects.

    Args:
        config: the model's configuration.
        source: the checkpoint's folder, with either kind of names and of either graph.
        target: the folder to write into.
        names: ``paddlerec`` or ``paddlemtl``: whose names to write.
        prefix: ``rec`` for dygraph or ``rec_static`` for static graph.

    Raises:
        UserError: the checkpoint does not fit the net, PaddleRec has no such net, or the result
            cannot be written.
    """
    _check_target(target, prefix)
    parent = store.check_writable(target)
    session = DygraphSession(config)
    parameters, source_prefix = checkpoint_loading.parameters(session, config, source)
    matching.check(parameters, session.shapes(source_prefix), source)
    session.load(parameters, source_prefix)
    if names == "paddlerec":
        try:
            converted = session.to_paddlerec(static=prefix == "rec_static")
        except ValueError as error:
            raise UserError(f"{source}: {error}") from error
    else:
        converted = session.arrays(prefix)
    files = [f"{prefix}.pdparams", f"{prefix}.json"]  # the facts last: they have the checksums
    try:
        with tempfile.TemporaryDirectory(prefix=".convert.", dir=parent) as building:
            paddle.save(converted, os.path.join(building, files[0]))
            facts_of.write(building, prefix, _facts(config, source))
            os.makedirs(target, exist_ok=True)
            for name in files:
                atomic_files.replace(os.path.join(building, name), os.path.join(target, name))
    except OSError as error:
        raise UserError(f"cannot write {target}: {error.strerror or error}") from error
    path = os.path.join(target, files[0])
    text = "converted checkpoint %s to %s: %d parameters"
    logger.info(text, source, path, len(converted), extra=logs.RESULT)


def _check_target(target: str, prefix: str) -> None:
    """Checks that no checkpoint would be replaced but one that was converted.

    Raises:
        UserError: the folder has another checkpoint of this graph.
    """
    found = os.listdir(target) if os.path.isdir(target) else ()
    if any(name.startswith(f"{prefix}.") for name in found):
        facts = facts_of.read(target, prefix)
        if _CONVERTED not in facts:
            raise UserError(
                f"--output {target} has another checkpoint ({runs.describe(facts)}): expected an "
                "empty folder, or one that convert.py wrote"
            )


def _facts(config: Config, source: str) -> dict[str, Any]:
    """Returns the facts of a converted checkpoint: those of its source that still hold."""
    facts = find.facts(source, "rec")
    name = os.path.basename(source)
    return {
        "epoch": facts.get("epoch", int(name) if layout.is_epoch(name) else 0),
        "saved_at": time.time(),
        "paddle": paddle.__version__,
        "seed": facts.get("seed", config.runner("seed")),
        **encoding.checkpoint_facts(config),
        model_record.KEY: model_record.of(config),
        **{key: facts[key] for key in ("metrics", runs.KEY) if key in facts},
        _CONVERTED: source,
    }
