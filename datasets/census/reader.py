"""Rows of the 501-column census form, for the models of ``models/multitask``."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from datasets.readers.labelled_table import LabelledTable
from datasets.readers.text_matrix import Rows


class RecDataset(LabelledTable):
    """Rows of features and one label a task: ``[features [499], label [1], label [1]]``.

    ``hyper_parameters.tasks`` says which label column is which task's; without it, income comes
    first and marital second, as PaddleRec's census readers have them.

    Besides rows it yields whole blocks (`take`), which is how the engine reads it.

    Args:
        file_list: text files of the ``LABELS`` and ``hyper_parameters.feature_size`` features a
            line, comma-separated.
        config: the flat configuration.

    Raises:
        ValueError: a line is malformed, or a label is neither 0 nor 1.
    """

    LABELS = ("marital", "income")  # or, in the video naming, completion and like
    TASKS = ({"name": "income", "label_column": 1}, {"name": "marital", "label_column": 0})

    def __init__(self, file_list: Sequence[str], config):
        size = config.get("hyper_parameters.feature_size", 499)
        if type(size) is not int or size < 1:
            raise ValueError(
                f"hyper_parameters.feature_size: expected an integer of at least 1, found {size!r}"
            )
        super().__init__(file_list, config, size, f"hyper_parameters.feature_size = {size}")

    def _features(self, rows: Rows) -> list[np.ndarray]:
        return [self._matrix.take(rows, slice(len(self.LABELS), None))]
