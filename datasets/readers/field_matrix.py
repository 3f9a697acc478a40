"""The field form: lines of labels, dense numbers and sparse ids, for models with embeddings.

A line is ``labels, dense numbers, ids``, comma-separated. A field has ``max_len`` columns of ids,
of which 0 stands for unknown, missing, and padding at the end.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from datasets.readers.labelled_table import LabelledTable
from datasets.readers.sparse_fields import SparseField, fields_of
from datasets.readers.text_matrix import Rows

IDS = 1 << 24  # the whole numbers that the table's float32 tells apart


class FieldDataset(LabelledTable):
    """Rows of dense numbers, ids and one label a task: ``[dense [D], ids [S], label [1], ...]``.

    Dense numbers are float32, ids and labels int64. Without dense columns, or without sparse
    fields, there is no such array. The configuration says what a line is:
    ``hyper_parameters.dense_input_dim`` is D (0 by default); the fields under
    ``hyper_parameters.sparse_fields`` have each a ``size`` and a ``max_len``, and S is the sum of
    the latter. With ``hyper_parameters.hash_ids`` an id beyond its field's size becomes
    ``1 + (id - 1) % (size - 1)``.

    Besides rows it yields whole blocks (`take`), which is how the engine reads it.

    Args:
        file_list: text files of the ``LABELS``, D and S numbers a line, comma-separated.
        config: the flat configuration.

    Attributes:
        ID_LIMIT: what ids are below, also where they are hashed.
        DENSE: how many dense columns a line has; the leading ``dense_input_dim`` of them are taken.
            None where that is how many there are.

    Raises:
        ValueError: a line is malformed, a label is neither 0 nor 1, an id is out of range, or a
            hyper-parameter is.
    """

    ID_LIMIT = IDS
    DENSE: int | None = None

    def __init__(self, file_list: Sequence[str], config):
        self._dense = _dense_input_dim(config.get("hyper_parameters.dense_input_dim"), self.DENSE)
        self._first_id = len(self.LABELS) + (self._dense if self.DENSE is None else self.DENSE)
        self._fields = _fields_of(config)
        self._hash = config.get("hyper_parameters.hash_ids", False)
        if not isinstance(self._hash, bool):
            raise ValueError(
                f"hyper_parameters.hash_ids: expected True or False, found {self._hash!r}"
            )
        repeats = [field.max_len for field in self._fields]
        self._sizes = np.repeat([field.size for field in self._fields], repeats)
        self._limits = np.where(self._hash, self.ID_LIMIT, self._sizes).astype(np.float32)
        ids = len(self._sizes)
        if not self._dense + ids:
            raise ValueError(
                "hyper_parameters.sparse_fields: expected a field where dense_input_dim is 0"
            )
        form = f"hyper_parameters.dense_input_dim = {self._dense}"
        if self.DENSE is not None:
            form = f"{self.DENSE} dense numbers"
        form = f"{form} and {ids} columns of hyper_parameters.sparse_fields"
        super().__init__(file_list, config, self._first_id - len(self.LABELS) + ids, form)

    def groups(self, column: str) -> np.ndarray:
        """Returns a field's id in every row, int64 ``[rows]``; -1 where it is unknown.

        Args:
            column: the field, one of one id a row; hashed ids are taken as they stand in the file.

        Raises:
            ValueError: there is no such field.
        """
        single = [field.name for field in self._fields if field.max_len == 1]
        if column not in single:
            raise ValueError(
                f"runner.gauc_column: expected a field of one id, {', '.join(single)}; found "
                f"{column!r}"
            )
        names = [field.name for field in self._fields for _ in range(field.max_len)]
        place = self._first_id + names.index(column)
        found = self._matrix.take(slice(0, len(self)), slice(place, place + 1))[:, 0]
        return np.where(found == 0, -1, found).astype(np.int64)

    def _features(self, rows: Rows) -> list[np.ndarray]:
        first = len(self.LABELS)
        columns = slice(first, first + self._dense)
        dense = [self._matrix.take(rows, columns)] if self._dense else []
        return [*dense, self._ids(rows)] if self._fields else dense

    def _ids(self, rows: Rows) -> np.ndarray:
        found = self._matrix.take(rows, slice(self._first_id, None))
        good = (found >= 0) & (found < self._limits) & (found == np.floor(found))
        if not good.all():
            row, column = np.argwhere(~good)[0]
            self._refuse(rows, row, column, found[row, column])
        ids = found.astype(np.int64)
        if self._hash:
            ids = np.where(ids < self._sizes, ids, 1 + (ids - 1) % (self._sizes - 1))
        return ids

    def _refuse(self, rows: Rows, row: int, column: int, found: float):
        found = int(found) if found == np.floor(found) else found
        names = [field.name for field in self._fields for _ in range(field.max_len)]
        raise ValueError(
            f"{self._place(rows, row)}: {self._where(self._first_id + column, names[column])}: "
            f"expected an id from 0 to {int(self._limits[column]) - 1}, found {found}"
        )

    def _where(self, column: int, field: str) -> str:
        """Returns what an error calls the place in a line of a column of the table."""
        return f"column {column + 1}, field {field}"


def _fields_of(config) -> tuple[SparseField, ...]:
    """Returns the configuration's fields, whose ids the table can hold."""
    fields = fields_of(config)
    for field in fields:
        for key in ("size", "max_len"):
            if getattr(field, key) > IDS:
                raise ValueError(
                    f"hyper_parameters.sparse_fields: {field.name}: {key}: expected at most {IDS}, "
                    f"found {getattr(field, key)}"
                )
    return fields


def _dense_input_dim(value, most: int | None) -> int:
    if value is None:
        return 0
    if type(value) is not int or value < 0 or (most is not None and value > most):
        expected = "of at least 0" if most is None else f"from 0 to {most}"
        raise ValueError(
            f"hyper_parameters.dense_input_dim: expected an integer {expected}, found {value!r}"
        )
    return value
