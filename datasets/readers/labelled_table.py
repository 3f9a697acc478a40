"""The base class of readers whose rows begin with label columns."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from functools import cached_property
from typing import Any

import numpy as np
from paddle.io import IterableDataset

from datasets.readers import parsed_copy
from datasets.readers.labels import counts as label_counts
from datasets.readers.labels import declarations
from datasets.readers.labels.label import CellError, Label, check_weights, weight_columns
from datasets.readers.text_matrix import Rows, TextMatrix, TextTable, WidthError

_ROWS_AT_ONCE = 1 << 16


class LabelledTable(IterableDataset):
    """Rows of labels and of numbers, from which a subclass makes the features.

    ``hyper_parameters.tasks`` gives each task's label column and its type. A label that is missing
    is an empty cell or the task's ``missing_label``. A label column can also be the weight of the
    rows: a task names it under ``sample_weight``.

    Args:
        file_list: text files of comma-separated labels and ``width`` numbers a line.
        config: the flat configuration.
        width: number of columns after the labels.
        form: the settings that ``width`` follows from, for the error of a line of another width.

    Attributes:
        LABELS: names of the leading columns.
        NUMBERS: those of them that hold numbers; the others hold 0 or 1 or classes.
        PREPARE: the command that prepares the files; empty if a person writes them.
        TASKS: the tasks if the configuration has none; None if it must have them.

    Raises:
        ValueError: a line, a label or a task's declaration is malformed.
    """

    LABELS: tuple[str, ...] = ()
    NUMBERS: tuple[str, ...] = ()
    PREPARE = ""
    TASKS: Sequence[dict] | None = None

    def __init__(self, file_list: Sequence[str], config, width: int, form: str):
        super().__init__()
        count = len(self.LABELS)  # none where a table of rows to predict has no labels
        self._tasks = self._declared(config) if count else []
        self._weights = weight_columns(self._tasks)
        resolve = getattr(config, "runner", None)  # a plain mapping does not resolve paths
        self._cache_dir = resolve("cache_dir") if resolve else config.get("runner.cache_dir")
        try:
            self._matrix = self._table(file_list, count + width, self._cache_dir)
        except WidthError as error:
            earlier = self.PREPARE and f"; files of an earlier version: run {self.PREPARE} again"
            raise ValueError(f"{error} ({count} labels and {form}{earlier})") from error

    def _declared(self, config) -> list[Label]:
        """Returns each task's label."""
        declared = declarations.labels_of(config, self.LABELS, self.TASKS, self.NUMBERS)
        declarations.check_numbers(declared, self.LABELS)
        return declared

    def __len__(self) -> int:
        return len(self._matrix)

    def take(self, rows: Rows) -> list[np.ndarray]:
        """Returns a block of rows: the features, each task's label ``[n, 1]``, then weights.

        Labels of classes are int64, -100 in rows without one. Numbers are float32,
        NaN in rows without one. Each distinct column of weights is float32.
        """
        # Labels are checked first: a file of another format mostly shows there.
        arrays = self._labels(rows)
        return [*self._features(rows), *arrays]

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
            mapping for each task. A task's mapping has its ``task`` name, ``type`` and ``label``
            column, the number of ``rows`` that count for it and of rows whose label is ``missing``.
            Of the rows that count it has the ``positives`` (binary), the rows of the ``classes``
            (multiclass), or ``mean``, ``least`` and ``most`` (regression, count). With sample
            weights it has their column, their sum ``weights`` and ``zero_weights``. A task that
            counts only where another one has label 1 also has the name of that task (``where``)
            and, if it is binary, the positives in rows where that label is 0 (``outside``).
        """
        tasks = label_counts.describe(self._tasks, self._label_counts)
        return {"rows": len(self), "columns": self._column_statistics(), "tasks": tasks}

    @cached_property
    def _label_counts(self) -> np.ndarray:
        """Returns the counts of labels and weights, ``[tasks, fields]``."""
        parts = []
        meaning = [(*label.meaning, label.rows, label.weight) for label in self._tasks]
        for path, rows in self._matrix.parts() if self._tasks else ():
            counts = parsed_copy.load_counts(
                path,
                label_counts.width(self._tasks),
                lambda rows=rows: self._count_labels(rows),
                self._cache_dir,
                f"labels {self.LABELS} {meaning} {self._form()}",
            )
            parts.append(counts)
        return label_counts.joined(parts, self._tasks)

    def _count_labels(self, rows: slice) -> np.ndarray:
        counts = label_counts.empty(self._tasks)
        for first in range(rows.start, rows.stop, _ROWS_AT_ONCE):
            block = slice(first, min(first + _ROWS_AT_ONCE, rows.stop))
            label_counts.add(counts, self._tasks, self._labels(block))
        return counts

    def _form(self) -> str:
        """Returns what the labels of a row depend on besides the file and their names."""
        return ""

    def _column_statistics(self) -> list[dict[str, Any]]:
        """Returns the statistics of the input columns that are known without reading them."""
        return []

    def _table(self, paths: Sequence[str], columns: int, cache_dir: str | None) -> TextTable:
        """Returns the table of the files: the labels, then the columns of the features."""
        return TextMatrix(paths, columns, cache_dir, len(self.LABELS))

    def _features(self, rows: Rows) -> list[np.ndarray]:
        """Returns the arrays ``[n, ...]`` that come before the labels."""
        raise NotImplementedError

    def _place(self, rows: Rows, number: int) -> str:
        """Returns the ``file:line`` of the row at position ``number`` of ``rows``."""
        return self._matrix.place(np.arange(len(self))[rows][number])

    def _labels(self, rows: Rows) -> list[np.ndarray]:
        """Returns the arrays ``[n, 1]`` after the features: each task's label, then weights."""
        numbers = self._matrix.take(rows, slice(0, len(self.LABELS)))
        arrays = []
        for label in self._tasks:
            column = label.column
            with self._located(rows, column):
                arrays.append(label.of_numbers(numbers[:, column : column + 1]))
        for name in self._weights:
            column = self.LABELS.index(name)
            weights = numbers[:, column : column + 1].astype(np.float32)
            with self._located(rows, column):
                check_weights(weights[:, 0])
            arrays.append(weights)
        return arrays

    @contextmanager
    def _located(self, rows: Rows, column: int) -> Iterator[None]:
        """Adds file, line and column to the error of an invalid label or weight."""
        try:
            yield
        except CellError as error:
            place = f"{self._place(rows, error.row)}: column {column + 1}"
            raise ValueError(f"{place}: {error}") from error
