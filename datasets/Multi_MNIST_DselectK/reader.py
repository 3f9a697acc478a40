"""Rows of Multi-MNIST, for models that tell the left digit and the right one."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from paddle.io import IterableDataset

from datasets.Multi_MNIST_DselectK.overlay import CANVAS
from datasets.Multi_MNIST_DselectK.pairs import DigitPairs
from datasets.readers.labelled_table import label_columns
from datasets.readers.text_matrix import Rows


class RecDataset(IterableDataset):
    """Rows of an image and one label a task: ``[image [1, 36, 36], label [1], label [1]]``.

    ``hyper_parameters.tasks`` says which label column is which task's: 0 is the left digit, 1 the
    right one. Without it, left comes first. Images stay unsigned bytes until they are taken.

    Besides rows it yields whole blocks (`take`), which is how the engine reads it.

    Args:
        file_list: the files, in any form that ``pairs.py`` lists.
        config: the flat configuration.

    Raises:
        ValueError: a file is malformed, a task has no label column, or
            ``hyper_parameters.image_size`` is not 36.
    """

    TASKS = ({"name": "left", "label_column": 0}, {"name": "right", "label_column": 1})

    def __init__(self, file_list: Sequence[str], config):
        super().__init__()
        size = config.get("hyper_parameters.image_size")  # None: a model that has no such key
        if size not in (None, CANVAS):
            raise ValueError(
                f"hyper_parameters.image_size: expected {CANVAS}, the size of Multi-MNIST's "
                f"images, found {size!r}"
            )
        self._label_columns = label_columns(config, len(self.TASKS), self.TASKS)
        self._pairs = DigitPairs(file_list)

    def __len__(self) -> int:
        return len(self._pairs)

    def take(self, rows: Rows) -> list[np.ndarray]:
        """Returns rows as columns: images, then labels a task.

        Args:
            rows: a slice, or row numbers.

        Returns:
            Images float32 ``[n, 1, 36, 36]`` in 0..1, where 1 is white, and for each task int64
            ``[n, 1]``, the digit.
        """
        images, labels = self._pairs.take(rows)
        scaled = np.divide(images[:, None], np.float32(255), dtype=np.float32)
        labels = labels.astype(np.int64)
        return [scaled, *(labels[:, column : column + 1] for column in self._label_columns)]

    def __iter__(self) -> Iterator[list[np.ndarray]]:
        for row in range(len(self)):
            yield [column[0] for column in self.take(slice(row, row + 1))]
