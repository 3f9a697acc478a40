"""Selects the checkpoints that a command evaluates or exports."""

from __future__ import annotations

import os

from engine.checkpoints import find, layout
from engine.config.config import Config
from engine.system.errors import UserError


def to_evaluate(config: Config) -> dict[int, str]:
    """Returns the folders of the checkpoints to evaluate, by epoch.

    The epochs are ``runner.infer_start_epoch`` to ``runner.infer_end_epoch`` - 1, or the best one.

    Raises:
        UserError: a checkpoint does not exist.
    """
    root = config.runner("infer_load_path") or config.runner("model_save_path")
    if config.runner("infer_checkpoint"):
        folder = os.path.join(root, config.runner("infer_checkpoint"))
        graphs = [find.read_facts(folder, prefix) for prefix in layout.EXPORTS]
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
