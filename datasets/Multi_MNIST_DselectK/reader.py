"""The reader of Multi-MNIST."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from paddle.io import IterableDataset

from datasets.Multi_MNIST_DselectK.overlay import CANVAS, CLASSES
from datasets.Multi_MNIST_DselectK.pairs import DigitPairs
from datasets.readers import checks
from datasets.readers.labels.declarations import check_numbers, labels_of
from datasets.readers.text_matrix import Rows


class RecDataset(IterableDataset):
    """Rows of an image and one label a task: ``[image [1, 36, 36], label [1], label [1]]``.

    ``hyper_parameters.tasks`` gives each task's label column: 0 is the left digit, 1 the right one,
    2 their sum, for tasks of other types. Without it the tasks are the left and the right digit.
    Images are converted to float when they are taken.

    It also returns blocks of rows (`take`). The engine reads these, because they are faster.

    Args:
        file_list: the files, in any format that ``pairs.py`` lists.
        config: the flat configuration.

    Raises:
        ValueError: a file is malformed, a task has no label column, or
            ``hyper_parameters.image_size`` is not 36.
    """

    LABELS = ("left", "right", "sum")
    TASKS = ({"name": "left", "label_column": 0}, {"name": "right", "label_column": 1})

    def __init__(self, file_list: Sequence[str], config):
        super().__init__()
        size = config.get("hyper_parameters.image_size")  # None: the model has no such key
        if size not in (None, CANVAS):
            expected = f"{CANVAS}, the size of Multi-MNIST's images"
            checks.fail("hyper_parameters.image_size", expected, size)
        self._tasks = labels_of(config, self.LABELS, self.TASKS, class_num=CLASSES)
        check_numbers(self._tasks, ())
        self._pairs = DigitPairs(file_list)

    def __len__(self) -> int:
        return len(self._pairs)

    def take(self, rows: Rows) -> list[np.ndarray]:
        """Returns a block of rows: the images, then the labels of each task.

        Args:
            rows: a slice, or row numbers.

        Returns:
            Images float32 ``[n, 1, 36, 36]`` from 0 (black) to 1 (white), and the label of each
            task ``[n, 1]``: the digit, int64, unless the task declares another type.
        """
        images, labels = self._pairs.take(rows)
        scaled = np.divide(images[:, None], np.float32(255), dtype=np.float32)
        labels = np.column_stack([labels, labels.sum(axis=1)])
        columns = [labels[:, label.column : label.column + 1] for label in self._tasks]
        return [scaled, *(each.of_numbers(c) for each, c in zip(self._tasks, columns))]

    def __iter__(self) -> Iterator[list[np.ndarray]]:
        for row in range(len(self)):
            yield [column[0] for column in self.take(slice(row, row + 1))]
