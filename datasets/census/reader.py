"""Rows of the 501-column census form, for the models of ``models/multitask``."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np
from paddle.io import IterableDataset

from datasets.text_matrix import Rows, TextMatrix, WidthError

LABELS = 2  # leading columns: marital and income (or, in the video naming, completion and like)
INCOME_MARITAL = ({"name": "income", "label_column": 1}, {"name": "marital", "label_column": 0})


class RecDataset(IterableDataset):
    """Rows of features and one label a task: ``[features [499], label [1], label [1]]``.

    ``hyper_parameters.tasks`` says which label column is which task's; without it, income comes
    first and marital second, as PaddleRec's census readers have them.

    Besides rows it yields whole blocks (`take`), which is how the engine reads it.

    Args:
        file_list: text files of ``LABELS`` labels and ``hyper_parameters.feature_size``
            features a line, comma-separated.
        config: the flat configuration.

    Raises:
        ValueError: a line is malformed, or a label is neither 0 nor 1.
    """

    def __init__(self, file_list: Sequence[str], config):
        super().__init__()
        self._label_columns = _label_columns(config.get("hyper_parameters.tasks"))
        size = config.get("hyper_parameters.feature_size", 499)
        if type(size) is not int or size < 1:
            raise ValueError(
                f"hyper_parameters.feature_size: expected an integer of at least 1, found {size!r}"
            )
        resolve = getattr(config, "runner", None)  # a plain mapping has no paths to resolve
        cache_dir = resolve("cache_dir") if resolve else config.get("runner.cache_dir")
        try:
            self._matrix = TextMatrix(file_list, LABELS + size, cache_dir)
        except WidthError as error:
            form = f"{LABELS} labels and hyper_parameters.feature_size = {size}"
            raise ValueError(f"{error} ({form})") from error

    def __len__(self) -> int:
        return len(self._matrix)

    def take(self, rows: Rows) -> list[np.ndarray]:
        """Returns rows as columns: features ``[n, 499]``, then labels ``[n, 1]`` a task."""
        labels = self._matrix.take(rows, slice(0, LABELS))
        bad = np.argwhere((labels != 0) & (labels != 1))
        if len(bad):
            row, column = bad[0]
            place = self._matrix.place(np.arange(len(self))[rows][row])
            found = labels[row, column]
            raise ValueError(
                f"{place}: column {column + 1}: expected a label 0 or 1, found {found}"
            )
        labels = labels.astype(np.int64)
        features = self._matrix.take(rows, slice(LABELS, None))
        return [features, *(labels[:, column : column + 1] for column in self._label_columns)]

    def __iter__(self) -> Iterator[list[np.ndarray]]:
        for row in range(len(self)):
            yield [column[0] for column in self.take(slice(row, row + 1))]


def _label_columns(tasks) -> list[int]:
    if tasks is None:
        tasks = INCOME_MARITAL
    try:
        columns = [task["label_column"] for task in tasks]
    except (KeyError, TypeError):
        raise ValueError(
            "hyper_parameters.tasks: expected a list of tasks, each with a name and a "
            f"label_column, found {tasks!r}"
        ) from None
    if not all(type(column) is int and 0 <= column < LABELS for column in columns):
        raise ValueError(f"hyper_parameters.tasks: label_column must be 0 or 1, found {columns}")
    return columns
