"""Selects the checkpoints that a command evaluates or exports, and says which they are."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable
from typing import Any, Callable, NamedTuple

from engine.checkpoints import facts as facts_of
from engine.checkpoints import find, layout, model_record, runs
from engine.config.config import Config
from engine.system.errors import UserError

logger = logging.getLogger(__name__)


class Used(NamedTuple):
    """The checkpoint, or the export, whose tasks, columns and encoding a command takes.

    Attributes:
        place: its folder or file.
        facts: its facts; empty for PaddleRec's checkpoints.
    """

    place: str
    facts: dict[str, Any]


def announce(action: str, folders: Iterable[str], prefix: str) -> Used:
    """Logs which checkpoints a command reads; returns the first one.

    Args:
        action: what the command does, such as ``evaluating``.
        folders: their folders.
        prefix: the graph's, ``rec`` or ``rec_static``; the other one's if it has no parameters.
    """
    used = [Used(folder, find.facts(folder, prefix)) for folder in folders]
    runs_found = {facts.get(runs.KEY, {}).get("id"): place for place, facts in used}
    roots = {os.path.dirname(place) for place, _ in used}
    if len(used) > 2 and len(runs_found) == len(roots) == 1 and "epoch" in used[0].facts:
        first, last = used[0], used[-1]
        described = f"{runs.describe(first.facts)} to {last.facts['epoch']}"
        logger.info("%s checkpoints %s to %s (%s)", action, first.place, last.place, described)
    else:
        for place, facts in used:
            logger.info("%s checkpoint %s (%s)", action, place, runs.describe(facts))
    unrecorded = [place for place, facts in used if model_record.KEY not in facts]
    if unrecorded:
        logger.info(
            "checkpoint %s does not record tasks and columns: those of the YAML are taken in order",
            unrecorded[0],
        )
    if len(runs_found) > 1 and action == "evaluating":
        listed = ", ".join(f"{name or 'unknown'} ({place})" for name, place in runs_found.items())
        logger.warning("these checkpoints are of %d different runs: %s", len(runs_found), listed)
    return used[0]


def evaluated(prefix: str) -> Callable[[Config], Used]:
    """Returns a function that announces the checkpoints which a configuration evaluates."""

    def find_and_announce(config: Config) -> Used:
        return announce("evaluating", to_evaluate(config).values(), prefix)

    return find_and_announce


def to_evaluate(config: Config) -> dict[int, str]:
    """Returns the folders of the checkpoints to evaluate, by epoch.

    The epochs are ``runner.infer_start_epoch`` to ``runner.infer_end_epoch`` - 1, or the best one.

    Raises:
        UserError: a checkpoint does not exist.
    """
    root = config.runner("infer_load_path") or config.runner("model_save_path")
    if config.runner("infer_checkpoint"):
        folder = os.path.join(root, config.runner("infer_checkpoint"))
        graphs = [facts_of.read(folder, prefix) for prefix in layout.EXPORTS]
        epoch = next((facts["epoch"] for facts in graphs if "epoch" in facts), None)
        if epoch is None:
            raise config.error("runner.infer_checkpoint", f"there is no checkpoint {folder}")
        return {epoch: folder}
    first, end = config.runner("infer_start_epoch"), config.runner("infer_end_epoch")
    if end <= first:
        problem = f"expected more than runner.infer_start_epoch = {first}"
        raise config.error("runner.infer_end_epoch", problem)
    folders = {epoch: os.path.join(root, str(epoch)) for epoch in range(first, end)}
    for folder in folders.values():
        if not os.path.isdir(folder):
            raise UserError(
                f"there is no checkpoint {folder} "
                f"(runner.infer_start_epoch = {first}, runner.infer_end_epoch = {end})"
            )
    return folders


def to_export(config: Config) -> str:
    """Returns the folder's name of the checkpoint to export: ``best``, or the last epoch."""
    return config.runner("infer_checkpoint") or str(config.runner("infer_end_epoch") - 1)
