"""A reader's common part: a table whose rows begin with labels, one column or more a task."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from paddle.io import IterableDataset

from datasets.readers.text_matrix import Rows, TextMatrix, TextTable, WidthError


class LabelledTable(IterableDataset):
    """Rows of labels, then of numbers that a subclass makes features of.

    ``hyper_parameters.tasks`` says which label column is which task's.

    Args:
        file_list: text files of so many labels and ``width`` numbers a line, comma-separated.
        config: the flat configuration.
        width: numbers after the labels.
        form: what the width follows from, for the error that another one gives.

    Attributes:
        LABELS: names of the leading columns, which are all 0 or 1.
        TASKS: the tasks of a configuration that names none; None if it has to.

    Raises:
        ValueError: a line is malformed, or a label is neither 0 nor 1.
    """

    LABELS: tuple[str, ...] = ()
    TASKS: Sequence[dict] | None = None

    def __init__(self, file_list: Sequence[str], config, width: int, form: str):
        super().__init__()
        count = len(self.LABELS)
        self._label_columns = label_columns(config, count, self.TASKS) if count else []
        resolve = getattr(config, "runner", None)  # a plain mapping has no paths to resolve
        cache_dir = resolve("cache_dir") if resolve else config.get("runner.cache_dir")
        try:
            self._matrix = self._table(file_list, count + width, cache_dir)
        except WidthError as error:
            raise ValueError(f"{error} ({count} labels and {form})") from error

    def __len__(self) -> int:
        return len(self._matrix)

    def take(self, rows: Rows) -> list[np.ndarray]:
        """Returns rows as columns: features, then labels ``[n, 1]`` a task."""
        # Labels first: a file of another form mostly shows in them.
        labels = self._labels(rows)
        return [*self._features(rows), *labels]

    def __iter__(self) -> Iterator[list[np.ndarray]]:
        for row in range(len(self)):
            yield [column[0] for column in self.take(slice(row, row + 1))]

    def place(self, row: int) -> str:
        """Returns where a row was read: ``file:line``."""
        return self._matrix.place(row)

    def _table(self, paths: Sequence[str], columns: int, cache_dir: str | None) -> TextTable:
        """Returns the files' table: labels, then what features are made of."""
        return TextMatrix(paths, columns, cache_dir)

    def _features(self, rows: Rows) -> list[np.ndarray]:
        """Returns rows of what comes before the labels, ``[n, ...]`` each."""
        raise NotImplementedError

    def _place(self, rows: Rows, number: int) -> str:
        """Returns ``file:line`` of one of the rows that are being taken."""
        return self._matrix.place(np.arange(len(self))[rows][number])

    def _labels(self, rows: Rows) -> list[np.ndarray]:
        labels = self._matrix.take(rows, slice(0, len(self.LABELS)))
        bad = np.argwhere((labels != 0) & (labels != 1))
        if len(bad):
            row, column = bad[0]
            found = labels[row, column]
            raise ValueError(
                f"{self._place(rows, row)}: column {column + 1}: "
                f"expected a label 0 or 1, found {found}"
            )
        labels = labels.astype(np.int64)
        return [labels[:, column : column + 1] for column in self._label_columns]


def label_columns(config, count: int, default: Sequence[dict] | None = None) -> list[int]:
    """Returns the label column of each task under ``hyper_parameters.tasks``, in their order.

    Args:
        config: the flat configuration.
        count: how many label columns there are.
        default: the tasks of a configuration that names none; None if it has to.

    Raises:
        ValueError: there are no tasks, or one has none of the columns.
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
