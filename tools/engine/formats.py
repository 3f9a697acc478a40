"""The files that a checkpoint's arrays are in."""

from __future__ import annotations

import os
from collections.abc import Mapping
from typing import Any

import numpy as np
import paddle

from engine.errors import UserError

PARTS = ("pdparams", "pdopt")  # parameters, and the optimizer's state with the learning rate
PROGRESS = "progress.npz"  # of a run that ended inside an epoch


def write(path: str, content: Mapping[str, Any]) -> None:
    """Writes a file in the format that its ending names."""
    if path.endswith(PROGRESS):
        with open(path, "wb") as file:
            np.savez(file, **content)
    else:
        paddle.save(content, path)


def read(path: str) -> dict[str, Any]:
    """Reads a file in the format that its ending names; its arrays are NumPy's.

    Raises:
        UserError: it is missing or damaged.
    """
    if not os.path.isfile(path):
        raise UserError(f"there is no checkpoint {path}")
    try:
        if path.endswith(PROGRESS):
            with np.load(path) as file:
                return dict(file)
        return paddle.load(path, return_numpy=True)
    except Exception as error:  # whatever a damaged file raises
        raise UserError(f"{path} is damaged: {type(error).__name__}: {error}") from error
