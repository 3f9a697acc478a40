"""The folders and files of checkpoints.

``<model_save_path>/<epoch>/`` holds ``rec.*`` of a dygraph run or ``rec_static.*`` of a static run:

- ``.pdparams``: the parameters; with ``runner.ema_decay`` their averages.
- ``.pdopt``: the optimizer's state and the learning rate.
- ``.pdema``: with ``runner.ema_decay``, the parameters that training continues with.
- ``.json``: facts about the run, such as the epoch, the seed, the time and the version of Paddle.

The same folder has the exported models: ``tostatic.*`` (dygraph) and ``rec_inference.*`` (static).
``<model_save_path>/interrupted/`` holds the same files of a run that ended inside an epoch, and
``.progress.npz`` with its position. ``<model_save_path>/best/`` holds the checkpoint with the best
evaluation on ``runner.valid_data_dir``.
"""

from __future__ import annotations

import os
import re
import shutil

from engine.checkpoints import formats

EXPORTS = {"rec": "tostatic", "rec_static": "rec_inference"}  # names of exported models
PREFIXES = {"dygraph": "rec", "static": "rec_static"}  # names of checkpoints, by graph
INTERRUPTED = "interrupted"
BEST = "best"


def path_of(folder: str, prefix: str, part: str) -> str:
    """Returns the path of a checkpoint's part, in the format in which it exists."""
    return formats.find(os.path.join(folder, prefix), part)


def is_epoch(name: str) -> bool:
    """Returns whether a folder has the name of an epoch's checkpoint."""
    return name.isascii() and name.isdigit()


def recover(root: str, prefix: str) -> None:
    """Removes the remains of a killed run, or restores the checkpoint that it was replacing.

    Args:
        root: ``runner.model_save_path``.
        prefix: ``rec`` or ``rec_static``.

    Raises:
        OSError: a folder cannot be removed or renamed.
    """
    for name in os.listdir(root):
        match = re.fullmatch(rf"\.([0-9]+|{INTERRUPTED}|{BEST})\.{prefix}\.(new|old|gone)", name)
        if not match:
            continue
        final, state = match.groups()
        if state == "old" and not os.path.exists(os.path.join(root, final)):
            os.rename(os.path.join(root, name), os.path.join(root, final))
        else:
            shutil.rmtree(os.path.join(root, name))
