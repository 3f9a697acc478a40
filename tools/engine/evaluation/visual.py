"""Writes VisualDL's records: curves and pictures of a run."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.system.errors import UserError


class Visual:
    """Writes records that ``visualdl --logdir <folder>`` shows.

    Args:
        folder: ``runner.visual_dir``.

    Raises:
        UserError: VisualDL is not installed, or the folder cannot be written.
    """

    def __init__(self, folder: str):
        try:
            from visualdl import LogWriter
        except ImportError as error:
            raise UserError(
                "runner.use_visual = True needs VisualDL: pip install -r requirements-visual.txt"
            ) from error
        try:
            self._writer = LogWriter(folder)
        except OSError as error:
            raise UserError(f"runner.visual_dir: cannot write {folder}: {error}") from error

    def scalars(self, values: Mapping[str, Any], step: int) -> None:
        """Records the values that are single numbers."""
        for name, value in values.items():
            array = np.asarray(value)
            if array.size == 1:
                self._writer.add_scalar(tag=name, value=float(array.item()), step=step)

    def image(self, name: str, pixels: np.ndarray) -> None:
        """Records a picture, ``[height, width, 3]`` bytes."""
        self._writer.add_image(tag=name, img=pixels, step=0)

    def close(self) -> None:
        """Writes the records that are still buffered."""
        self._writer.close()
