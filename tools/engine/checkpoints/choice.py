"""Which checkpoints a command evaluates or exports."""

from __future__ import annotations

import os

from engine.checkpoints import find, layout
from engine.config.config import Config
from engine.system.errors import UserError


def to_evaluate(config: Config) -> dict[int, str]:
    """Returns the folders to evaluate, by their epochs.

    They are ``runner.infer_start_epoch`` to ``runner.infer_end_epoch`` - 1, or ``best``.

    Raises:
        UserError: one of them is not there.
    """
    root = config.runner("infer_load_path") or config.runner("model_save_path")
    if config.runner("infer_checkpoint"):
        folder = os.path.join(root, config.runner("infer_checkpoint"))
        saved = [find.facts_beside(folder, prefix) for prefix in layout.EXPORTS]
        epoch = next((facts["epoch"] for facts in saved if "epoch" in facts), None)
        if epoch is None:
            problem = f"there is no checkpoint {folder}"
            raise config.error("runner.infer_checkpoint", problem)
        return {epoch: folder}
    first, end = config.runner("infer_start_epoch"), config.runner("infer_end_epoch")
    if end <= first:
        raise config.error("runner.infer_end_epoch", f"no epoch from {first} up to it")
    found = {epoch: os.path.join(root, str(epoch)) for epoch in range(first, end)}
    absent = [epoch for epoch, folder in found.items() if not os.path.isdir(folder)]
    if absent:
        raise UserError(
            f"there is no checkpoint {found[absent[0]]} "
            f"(runner.infer_start_epoch = {first}, runner.infer_end_epoch = {end})"
        )
    return found


def to_export(config: Config) -> str:
    """Returns the name of the folder to export: ``best``, or the last epoch that is evaluated."""
    return config.runner("infer_checkpoint") or str(config.runner("infer_end_epoch") - 1)
