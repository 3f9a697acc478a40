"""Where a checkpoint's files lie.

``<model_save_path>/<epoch>/`` holds ``rec.*`` of a dygraph run or ``rec_static.*`` of a static run:

- ``.pdparams``: the parameters; with ``runner.ema_decay`` their averages.
- ``.pdopt``: the optimizer's state and the learning rate.
- ``.pdema``: with ``runner.ema_decay``, the parameters that training continues with.
- ``.json``: the epoch, the seed, when and by which Paddle the checkpoint was saved.

Exported models lie beside them: ``tostatic.*`` (dygraph) and ``rec_inference.*`` (static).
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
INTERRUPTED = "interrupted"
BEST = "best"


def path_of(folder: str, prefix: str, part: str) -> str:
    """Returns the file of a checkpoint's part, in whichever format it is there."""
    return formats.find(os.path.join(folder, prefix), part)


def recover(root: str, prefix: str) -> None:
    """Removes what a killed run left in a checkpoint folder, or restores what it was replacing."""
    for name in os.listdir(root):
        found = re.fullmatch(rf"\.(\d+|{INTERRUPTED}|{BEST})\.{prefix}\.(new|old|gone)", name)
        if not found:
            continue
        taken, state = found.groups()
        if state == "old" and not os.path.exists(os.path.join(root, taken)):
            os.rename(os.path.join(root, name), os.path.join(root, taken))
        else:
            shutil.rmtree(os.path.join(root, name))
