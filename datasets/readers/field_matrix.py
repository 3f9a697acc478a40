"""The reader of comma-separated labels, dense numbers and ids, for models with embeddings.

A line is ``labels, dense numbers, ids, weights``. A field has ``max_len`` columns of ids. The id 0
is out-of-vocabulary, missing, or padding at the end. Weights are those of the ids of fields with
``weighted``, in the order of the fields; those of padding do not count.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from typing import Any

import numpy as np

from datasets.readers import checks
from datasets.readers.fields.hashing import number_ids
from datasets.readers.labelled_table import LabelledTable
from datasets.readers.sparse_fields import fields_of
from datasets.readers.text_matrix import Rows

_HYPER = "hyper_parameters"
_FLOAT32_INTEGERS = 1 << 24  # float32 represents all smaller integers exactly


class FieldDataset(LabelledTable):
    """Rows of dense numbers, ids and one label a task: ``[dense [D], ids [S], label [1], ...]``.

    Dense numbers are float32, ids and labels int64. Weights of ids follow the ids, float32. A row
    has no dense array if D is 0 and no ids if there are no sparse fields. These hyper-parameters
    describe a line:

    - ``dense_input_dim`` is D (default 0).
    - ``sparse_fields`` have a ``size`` and a ``max_len`` each; S is the sum of ``max_len``.
    - ``hash_ids``: an id that is not below its field's size becomes ``1 + (id - 1) % (size - 1)``.
    - ``hash_num`` above 1 of a field: all its ids are hashed; see `hashing`.

    It also returns blocks of rows (`take`). The engine reads these, because they are faster.

    Args:
        file_list: text files with one comma-separated row a line.
        config: the flat configuration.

    Attributes:
        ID_LIMIT: upper limit (exclusive) of ids, also of hashed ones.
        DENSE: number of dense columns in a line, of which the first ``dense_input_dim`` are read.
            None if a line has ``dense_input_dim`` of them.
        FIELDS: number of ids of each field of a line, in order. ``sparse_fields`` then names those
            that are read. A ``sequence`` may have a smaller ``max_len``: its last ids are read.
            None if a line has the declared fields.

    Raises:
        ValueError: a line is malformed, a label is not 0 or 1, an id is out of range, or a
            hyper-parameter cannot be used.
    """

    ID_LIMIT = _FLOAT32_INTEGERS
    DENSE: int | None = None
    FIELDS: Mapping[str, int] | None = None

    def __init__(self, file_list: Sequence[str], config):
        place, dense = f"{_HYPER}.dense_input_dim", config.get(f"{_HYPER}.dense_input_dim")
        self._dense = 0 if dense is None else checks.integer(place, dense, 0, self.DENSE)
        self._first_id = len(self.LABELS) + (self._dense if self.DENSE is None else self.DENSE)
        self._fields = fields_of(config, _FLOAT32_INTEGERS)
        self._hash = config.get(f"{_HYPER}.hash_ids", False)
        if not isinstance(self._hash, bool):
            checks.fail(f"{_HYPER}.hash_ids", "True or False", self._hash)
        self._layout = self.FIELDS  # of a line
        if self._layout is None:
            self._layout = {field.name: field.values for field in self._fields}
        self._check_fields()
        starts = dict(zip(self._layout, np.cumsum([0, *self._layout.values()]).tolist()))
        lengths = [self._layout[field.name] for field in self._fields]
        self._columns = np.concatenate(  # of a line's ids
            [np.zeros(0, int)]
            + [
                starts[field.name] + np.arange(length)
                for field, length in zip(self._fields, lengths)
            ]
        )
        self._sizes = np.repeat([field.size for field in self._fields], lengths)
        self._several = any(field.hash_num > 1 for field in self._fields)
        hashed = np.repeat([self._hash or field.hash_num > 1 for field in self._fields], lengths)
        self._limits = np.where(hashed, self.ID_LIMIT, self._sizes).astype(np.float32)
        self._names = np.repeat([field.name for field in self._fields], lengths).tolist()
        if not self._dense + len(self._names):
            checks.fail(f"{_HYPER}.sparse_fields", "a field, because dense_input_dim is 0", [])
        dense_columns = f"{_HYPER}.dense_input_dim = {self._dense}"
        if self.DENSE is not None:
            dense_columns = f"{self.DENSE} dense numbers"
        ids = sum(self._layout.values())
        of = "ids" if self.FIELDS else f"columns of {_HYPER}.sparse_fields"
        columns = f"{dense_columns} and {ids} {of}"
        self._first_weight = self._first_id + ids
        self._weighted = [field for field in self._fields if field.weighted]
        if self._weighted and self.FIELDS:
            place = f"{_HYPER}.sparse_fields: {self._weighted[0].name}: weighted"
            checks.fail(place, "False, because the prepared files have no weights", True)
        weights = sum(field.values for field in self._weighted)
        columns += f" and {weights} weights" if weights else ""
        width = self._first_weight - len(self.LABELS) + weights
        super().__init__(file_list, config, width, columns)

    def _check_fields(self):
        """Raises a ValueError if a declared field is not in a line, or not in this form."""
        for field in self._fields:
            place, length = f"{_HYPER}.sparse_fields: {field.name}", self._layout.get(field.name)
            if length is None:
                near = get_close_matches(field.name, self._layout, 1)
                hint = f"did you mean {near[0]}?" if near else f"they are {', '.join(self._layout)}"
                checks.fail(f"{place}: name", "a field of the prepared files", field.name, hint)
            if field.values > length or (field.values < length and not field.sequence):
                checks.fail(f"{place}: max_len", f"{length}, as in the files", field.values)

    def groups(self, column: str) -> np.ndarray:
        """Returns a field's id in every row, int64 ``[rows]``; -1 where it is 0.

        Args:
            column: the name of a field with one id a row. Ids are those of the file: not hashed.

        Raises:
            ValueError: there is no such field.
        """
        single = [name for name, length in self._layout.items() if length == 1]
        if column not in single:
            checks.fail("groups", f"a field of one id, {', '.join(single)}", column)
        before = list(self._layout).index(column)
        position = self._first_id + sum(list(self._layout.values())[:before])
        ids = self._matrix.take(slice(0, len(self)), slice(position, position + 1))[:, 0]
        return np.where(ids == 0, -1, ids).astype(np.int64)

    def _column_statistics(self) -> list[dict[str, Any]]:
        return [
            {
                "column": field.name,
                "kind": "sparse" if field.values == 1 else "sequence",
                "rows": len(self),
                "ids": field.size - 1,
            }
            for field in self._fields
        ]

    def _features(self, rows: Rows) -> list[np.ndarray]:
        parts = [self._matrix.take(rows, columns) for columns in self._dense_columns()]
        dense = [np.concatenate(parts, axis=1) if len(parts) > 1 else parts[0]]
        dense = dense if self._dense else []
        if not self._fields:
            return dense
        ids = self._ids(rows)
        return [*dense, ids, self._weights_of_ids(rows, ids)] if self._weighted else [*dense, ids]

    def _weights_of_ids(self, rows: Rows, ids: np.ndarray) -> np.ndarray:
        """Returns the weights of the ids of weighted fields, 0 where the id is."""
        numbers = self._matrix.take(rows, slice(self._first_weight, None))
        valid = (numbers >= 0) & np.isfinite(numbers)
        if not valid.all():
            row, column = np.argwhere(~valid)[0]
            names = [field.name for field in self._weighted for _ in range(field.values)]
            name = self._column_name(self._first_weight + column, f"{names[column]}, weight")
            expected = f"expected a number of at least 0, found {numbers[row, column]}"
            raise ValueError(f"{self._place(rows, row)}: {name}: {expected}")
        parts = np.split(ids, np.cumsum([field.max_len for field in self._fields])[:-1], axis=1)
        own = [part > 0 for part, field in zip(parts, self._fields) if field.weighted]
        counts = [field.hash_num for field in self._weighted for _ in range(field.values)]
        return np.repeat(numbers, counts, axis=1).astype(np.float32) * np.concatenate(own, axis=1)

    def _dense_columns(self) -> list[slice]:
        """Returns the columns of a line that are the dense numbers."""
        first = len(self.LABELS)
        return [slice(first, first + self._dense)]

    def _ids(self, rows: Rows) -> np.ndarray:
        end = self._first_id + int(self._columns.max()) + 1
        numbers = self._matrix.take(rows, slice(self._first_id, end))
        if self.FIELDS:
            numbers = numbers[:, self._columns]
        valid = (numbers >= 0) & (numbers < self._limits) & (numbers == np.floor(numbers))
        if not valid.all():
            row, column = np.argwhere(~valid)[0]
            self._refuse(rows, row, column, numbers[row, column])
        ids = numbers.astype(np.int64)
        if self._several:
            return self._hashed(self._cut(ids))
        if self._hash:
            ids = np.where(ids < self._sizes, ids, 1 + (ids - 1) % (self._sizes - 1))
        return self._cut(ids)

    def _hashed(self, ids: np.ndarray) -> np.ndarray:
        """Returns the ids of all hash functions, those of a value side by side."""
        ends = np.cumsum([field.values for field in self._fields])
        parts = np.split(ids, ends[:-1], axis=1)
        hashed = [
            number_ids(part, field.size, field.hash_num, field.hash_method)
            if self._hash or field.hash_num > 1
            else part
            for part, field in zip(parts, self._fields)
        ]
        return np.concatenate(hashed, axis=1)

    def _cut(self, ids: np.ndarray) -> np.ndarray:
        """Returns ids without the first ones of sequences that are longer than ``max_len``."""
        if ids.shape[1] == sum(field.values for field in self._fields):
            return ids
        ends = np.cumsum([self._layout[field.name] for field in self._fields])
        parts = np.split(ids, ends[:-1], axis=1)
        for place, field in enumerate(self._fields):
            count = (parts[place] > 0).sum(axis=1, keepdims=True)
            first = np.maximum(count - field.max_len, 0)
            if parts[place].shape[1] > field.max_len:
                parts[place] = np.take_along_axis(
                    parts[place], first + np.arange(field.max_len), axis=1
                )
        return np.concatenate(parts, axis=1)

    def _refuse(self, rows: Rows, row: int, column: int, number: float):
        number = int(number) if number == np.floor(number) else number
        place = self._first_id + int(self._columns[column])
        name = self._column_name(place, self._names[column])
        raise ValueError(
            f"{self._place(rows, row)}: {name}: expected an id from 0 to "
            f"{int(self._limits[column]) - 1}, found {number}"
        )

    def _column_name(self, column: int, field: str) -> str:
        """Returns how an error names a column of the table."""
        return f"column {column + 1}, field {field}"
