"""The base class of readers whose rows begin with label columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from paddle.io import IterableDataset

from datasets.readers.text_matrix import Rows, TextMatrix, TextTable, WidthError


class LabelledTable(IterableDataset):
    """Rows of labels and of numbers, from which a subclass makes the features.

    ``hyper_parameters.tasks`` gives each task's label column.

    Args:
        file_list: text files of comma-separated labels and ``width`` numbers a line.
        config: the flat configuration.
        width: number of columns after the labels.
        form: the settings that ``width`` follows from, for the error of a line of another width.

    Attributes:
        LABELS: names of the leading columns, which hold 0 or 1.
        TASKS: the tasks if the configuration has none; None if it must have them.

    Raises:
        ValueError: a line is malformed, or a label is not 0 or 1.
    """

    LABELS: tuple[str, ...] = ()
    TASKS: Sequence[dict] | None = None

    def __init__(self, file_list: Sequence[str], config, width: int, form: str):
        super().__init__()
        count = len(self.LABELS)  # none where a table of rows to predict has no labels
        self._label_columns = label_columns(config, count, self.TASKS) if count else []
        resolve = getattr(config, "runner", None)  # a plain mapping does not resolve paths
        cache_dir = resolve("cache_dir") if resolve else config.get("runner.cache_dir")
        try:
            self._matrix = self._table(file_list, count + width, cache_dir)
        except WidthError as error:
            raise ValueError(f"{error} ({count} labels and {form})") from error

    def __len__(self) -> int:
        return len(self._matrix)

    def take(self, rows: Rows) -> list[np.ndarray]:
        """Returns a block of rows: the features, then the labels ``[n, 1]`` of each task."""
        # Labels are checked first: a file of another format mostly shows there.
        labels = self._labels(rows)
        return [*self._features(rows), *labels]

    def __iter__(self) -> Iterator[list[np.ndarray]]:
        for row in range(len(self)):
            yield [column[0] for column in self.take(slice(row, row + 1))]

    def place(self, row: int) -> str:
        """Returns the ``file:line`` of a row."""
        return self._matrix.place(row)

    def _table(self, paths: Sequence[str], columns: int, cache_dir: str | None) -> TextTable:
        """Returns the table of the files: the labels, then the columns of the features."""
        return TextMatrix(paths, columns, cache_dir)

    def _features(self, rows: Rows) -> list[np.ndarray]:
        """Returns the arrays ``[n, ...]`` that come before the labels."""
        raise NotImplementedError

    def _place(self, rows: Rows, number: int) -> str:
        """Returns the ``file:line`` of the row at position ``number`` of ``rows``."""
        return self._matrix.place(np.arange(len(self))[rows][number])

    def _labels(self, rows: Rows) -> list[np.ndarray]:
        labels = self._matrix.take(rows, slice(0, len(self.LABELS)))
        bad = np.argwhere((labels != 0) & (labels != 1))
        if len(bad):
            row, column = bad[0]
            raise ValueError(
                f"{self._place(rows, row)}: column {column + 1}: "
                f"expected a label 0 or 1, found {labels[row, column]}"
            )
        labels = labels.astype(np.int64)
        return [labels[:, column : column + 1] for column in self._label_columns]


def label_columns(config, count: int, default: Sequence[dict] | None = None) -> list[int]:
    """Returns the label column of each task under ``hyper_parameters.tasks``, in their order.

    Args:
        config: the flat configuration.
        count: number of label columns.
        default: the tasks if the configuration has none; None if it must have them.

    Raises:
        ValueError: there are no tasks, or a task has no such label column.
    """
    tasks = config.get("hyper_parameters.tasks")
    if tasks is None:
        tasks = default
    try:
        columns = [task["label_column"] for task in tasks]
    except (KeyError, TypeError):
        raise ValueError(
            "hyper_parameters.tasks: expected a list of tasks, each with a name and a "
            f"label_column, found {tasks!r}"
        ) from None
    if not all(type(column) is int and 0 <= column < count for column in columns):
        expected = "0 or 1" if count == 2 else f"0 to {count - 1}"
        raise ValueError(
            f"hyper_parameters.tasks: label_column must be {expected}, found {columns}"
        )
    return columns
