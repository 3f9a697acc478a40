"""The reader of comma-separated labels, dense numbers and ids, for models with embeddings.

A line is ``labels, dense numbers, ids``. A field has ``max_len`` columns of ids. The id 0 is
out-of-vocabulary, missing, or padding at the end.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from datasets.readers import checks
from datasets.readers.labelled_table import LabelledTable
from datasets.readers.sparse_fields import fields_of
from datasets.readers.text_matrix import Rows

_HYPER = "hyper_parameters"
_FLOAT32_INTEGERS = 1 << 24  # float32 represents all smaller integers exactly


class FieldDataset(LabelledTable):
    """Rows of dense numbers, ids and one label a task: ``[dense [D], ids [S], label [1], ...]``.

    Dense numbers are float32, ids and labels int64. A row has no dense array if D is 0 and no ids
    if there are no sparse fields. These hyper-parameters describe a line:

    - ``dense_input_dim`` is D (default 0).
    - ``sparse_fields`` have a ``size`` and a ``max_len`` each; S is the sum of ``max_len``.
    - ``hash_ids``: an id that is not below its field's size becomes ``1 + (id - 1) % (size - 1)``.

    It also returns blocks of rows (`take`). The engine reads these, because they are faster.

    Args:
        file_list: text files with one comma-separated row a line.
        config: the flat configuration.

    Attributes:
        ID_LIMIT: upper limit (exclusive) of ids, also of hashed ones.
        DENSE: number of dense columns in a line, of which the first ``dense_input_dim`` are read.
            None if a line has ``dense_input_dim`` of them.

    Raises:
        ValueError: a line is malformed, a label is not 0 or 1, an id is out of range, or a
            hyper-parameter cannot be used.
    """

    ID_LIMIT = _FLOAT32_INTEGERS
    DENSE: int | None = None

    def __init__(self, file_list: Sequence[str], config):
        place, dense = f"{_HYPER}.dense_input_dim", config.get(f"{_HYPER}.dense_input_dim")
        self._dense = 0 if dense is None else checks.integer(place, dense, 0, self.DENSE)
        self._first_id = len(self.LABELS) + (self._dense if self.DENSE is None else self.DENSE)
        self._fields = fields_of(config, _FLOAT32_INTEGERS)
        self._hash = config.get(f"{_HYPER}.hash_ids", False)
        if not isinstance(self._hash, bool):
            checks.fail(f"{_HYPER}.hash_ids", "True or False", self._hash)
        repeats = [field.max_len for field in self._fields]
        self._sizes = np.repeat([field.size for field in self._fields], repeats)
        self._limits = np.where(self._hash, self.ID_LIMIT, self._sizes).astype(np.float32)
        self._names = [field.name for field in self._fields for _ in range(field.max_len)]
        ids = len(self._names)
        if not self._dense + ids:
            checks.fail(f"{_HYPER}.sparse_fields", "a field, because dense_input_dim is 0", [])
        dense_columns = f"{_HYPER}.dense_input_dim = {self._dense}"
        if self.DENSE is not None:
            dense_columns = f"{self.DENSE} dense numbers"
        columns = f"{dense_columns} and {ids} columns of {_HYPER}.sparse_fields"
        super().__init__(file_list, config, self._first_id - len(self.LABELS) + ids, columns)

    def groups(self, column: str) -> np.ndarray:
        """Returns a field's id in every row, int64 ``[rows]``; -1 where it is 0.

        Args:
            column: the name of a field with one id a row. Ids are those of the file: not hashed.

        Raises:
            ValueError: there is no such field.
        """
        single = [field.name for field in self._fields if field.max_len == 1]
        if column not in single:
            checks.fail("groups", f"a field of one id, {', '.join(single)}", column)
        position = self._first_id + self._names.index(column)
        ids = self._matrix.take(slice(0, len(self)), slice(position, position + 1))[:, 0]
        return np.where(ids == 0, -1, ids).astype(np.int64)

    def _column_statistics(self) -> list[dict[str, Any]]:
        return [
            {
                "column": field.name,
                "kind": "sparse" if field.max_len == 1 else "sequence",
                "rows": len(self),
                "ids": field.size - 1,
            }
            for field in self._fields
        ]

    def _features(self, rows: Rows) -> list[np.ndarray]:
        first = len(self.LABELS)
        columns = slice(first, first + self._dense)
        dense = [self._matrix.take(rows, columns)] if self._dense else []
        return [*dense, self._ids(rows)] if self._fields else dense

    def _ids(self, rows: Rows) -> np.ndarray:
        numbers = self._matrix.take(rows, slice(self._first_id, None))
        valid = (numbers >= 0) & (numbers < self._limits) & (numbers == np.floor(numbers))
        if not valid.all():
            row, column = np.argwhere(~valid)[0]
            self._refuse(rows, row, column, numbers[row, column])
        ids = numbers.astype(np.int64)
        if self._hash:
            ids = np.where(ids < self._sizes, ids, 1 + (ids - 1) % (self._sizes - 1))
        return ids

    def _refuse(self, rows: Rows, row: int, column: int, number: float):
        number = int(number) if number == np.floor(number) else number
        name = self._column_name(self._first_id + column, self._names[column])
        raise ValueError(
            f"{self._place(rows, row)}: {name}: expected an id from 0 to "
            f"{int(self._limits[column]) - 1}, found {number}"
        )

    def _column_name(self, column: int, field: str) -> str:
        """Returns how an error names a column of the table."""
        return f"column {column + 1}, field {field}"
