"""The reader of the 501-column census format."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from datasets.readers import checks
from datasets.readers.labelled_table import LabelledTable
from datasets.readers.text_matrix import Rows


class RecDataset(LabelledTable):
    """Rows of features and one label a task: ``[features [499], label [1], label [1]]``.

    ``hyper_parameters.tasks`` gives each task's label column. Without it the first task is income
    and the second marital, as in PaddleRec's census readers.

    It also returns blocks of rows (`take`). The engine reads these, because they are faster.

    Args:
        file_list: text files of comma-separated ``LABELS`` and ``hyper_parameters.feature_size``
            features a line.
        config: the flat configuration.

    Raises:
        ValueError: a line is malformed, or a label is not 0 or 1.
    """

    LABELS = ("marital", "income")  # in the data set video: completion and like
    TASKS = ({"name": "income", "label_column": 1}, {"name": "marital", "label_column": 0})

    def __init__(self, file_list: Sequence[str], config):
        key = "hyper_parameters.feature_size"
        size = checks.integer(key, config.get(key, 499), 1)
        super().__init__(file_list, config, size, f"{key} = {size}")

    def _features(self, rows: Rows) -> list[np.ndarray]:
        return [self._matrix.take(rows, slice(len(self.LABELS), None))]
