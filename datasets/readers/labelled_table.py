"""The base class of readers whose rows begin with label columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import Any

import numpy as np
from paddle.io import IterableDataset

from datasets.readers import parsed_copy
from datasets.readers.text_matrix import Rows, TextMatrix, TextTable, WidthError

_TASKS = "hyper_parameters.tasks"
_ROWS_AT_ONCE = 1 << 16


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
        self._tasks = (config.get(_TASKS) or self.TASKS) if count else ()
        resolve = getattr(config, "runner", None)  # a plain mapping does not resolve paths
        self._cache_dir = resolve("cache_dir") if resolve else config.get("runner.cache_dir")
        try:
            self._matrix = self._table(file_list, count + width, self._cache_dir)
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

    def column_statistics(self) -> dict[str, Any]:
        """Returns counts of the rows, for the log and for a comparison with other rows.

        Returns:
            ``rows``, the number of rows; ``columns``, a mapping for each input column; ``tasks``, a
            mapping for each task. A task's mapping has its ``task`` name, its ``label`` column, the
            number of ``rows`` that count for it and of ``positives`` among them. A task that counts
            only where another one has label 1 also has the name of that task (``where``) and the
            positives of other rows (``outside``).
        """
        together = self._label_counts
        column_of = {task.get("name"): task["label_column"] for task in self._tasks}
        tasks = []
        for task, column in zip(self._tasks, self._label_columns):
            entry = {"task": task.get("name"), "label": self.LABELS[column]}
            parent, ones = column_of.get(task.get("rows")), int(together[column, column])
            if parent is None:
                tasks.append({**entry, "rows": len(self), "positives": ones})
                continue
            rows, positives = int(together[parent, parent]), int(together[parent, column])
            more = {"where": task["rows"], "outside": ones - positives}
            tasks.append({**entry, "rows": rows, "positives": positives, **more})
        return {"rows": len(self), "columns": self._column_statistics(), "tasks": tasks}

    @cached_property
    def _label_counts(self) -> np.ndarray:
        """Returns in how many rows two labels are both 1, ``[labels, labels]``."""
        labels = len(self.LABELS)
        total = np.zeros((labels, labels))
        for path, rows in self._matrix.parts() if labels else ():
            total += parsed_copy.load_counts(
                path,
                labels,
                lambda rows=rows: self._count_labels(rows),
                self._cache_dir,
                f"labels {self.LABELS} {self._form()}",
            )
        return total

    def _count_labels(self, rows: slice) -> np.ndarray:
        labels = slice(0, len(self.LABELS))
        total = np.zeros((labels.stop, labels.stop))
        for first in range(rows.start, rows.stop, _ROWS_AT_ONCE):
            block = slice(first, min(first + _ROWS_AT_ONCE, rows.stop))
            ones = (self._matrix.take(block, labels) == 1).astype(np.float64)
            total += ones.T @ ones
        return total

    def _form(self) -> str:
        """Returns what the labels of a row depend on besides the file and their names."""
        return ""

    def _column_statistics(self) -> list[dict[str, Any]]:
        """Returns the statistics of the input columns that are known without reading them."""
        return []

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
    tasks = config.get(_TASKS)
    if tasks is None:
        tasks = default
    try:
        columns = [task["label_column"] for task in tasks]
    except (KeyError, TypeError):
        raise ValueError(
            f"{_TASKS}: expected a list of tasks, each with a name and a "
            f"label_column, found {tasks!r}"
        ) from None
    if not all(type(column) is int and 0 <= column < count for column in columns):
        expected = "0 or 1" if count == 2 else f"0 to {count - 1}"
        raise ValueError(f"{_TASKS}: label_column must be {expected}, found {columns}")
    return columns
