"""Embeddings of sparse fields: one table and one look-up for all fields."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any

import numpy as np
import paddle
from paddle import nn

from datasets.readers.sparse_fields import POOLINGS, SparseField
from models.common.inputs.pooling import registry
from models.common.layers import ops
from models.common.layers.constants import Constants
from models.common.layers.dense import Part

_DEVIATION = 0.01  # standard deviation of a new table


class FieldEmbedding(Part):
    """The embeddings of all fields, side by side.

    The fields' tables are rows of one table, so one look-up serves all fields. A field of several
    ids becomes one vector by its pooling. Of fields with ``tables: per_task`` the tables of all
    tasks stand side by side in a second table.

    Args:
        fields: the fields, in the order of their ids' columns.
        size: the size of an embedding.
        sparse: compute gradients only for the rows that were looked up. Paddle does so in dygraph
            and, on 2.6, in static graph; on 3.3 static gradients cover the whole table.
        table_num: the number of tables of fields with ``tables: per_task``.

    Shapes:
        ids ``[batch, sum of max_len]`` to ``[batch, fields * size]``.
    """

    def __init__(
        self, fields: Sequence[SparseField], size: int, sparse: bool = True, table_num: int = 1
    ):
        super().__init__()
        self._fields, self._table_num, self._sparse = tuple(fields), table_num, sparse
        self.size, self.out_size = size, len(fields) * size
        columns = [field for field in fields for _ in range(field.max_len)]
        self._names = [field.name for field in columns]
        self._sizes = np.array([field.size for field in columns])
        self._first = np.zeros(len(columns), np.int64)  # each column's first row of its table
        own = np.array([field.tables is not None for field in columns])
        for name, place in (("table", ~own), ("own_tables", own)):
            if place.any():
                width = size * table_num if place is own else size
                normal = paddle.ParamAttr(initializer=nn.initializer.Normal(0.0, _DEVIATION))
                rows = self._place_rows(name == "own_tables")
                setattr(self, name, nn.Embedding(rows, width, sparse=sparse, weight_attr=normal))
        self._of_table = {"rows": np.flatnonzero(~own), "own_rows": np.flatnonzero(own)}
        several = [field for field in columns if field.max_len > 1]
        self._several = np.flatnonzero([field.max_len > 1 for field in columns])
        # For each id of `several`, the place of its weight behind a column of ones.
        weighted = np.array([field.weighted for field in several], bool)
        self._weights = np.where(weighted, np.cumsum(weighted), 0)
        self._runs = _runs(fields)
        poolings = {
            field.name: registry.create(field, size) for field in fields if field.max_len > 1
        }
        self.poolings = nn.LayerDict(poolings)
        self._pooling_of = poolings  # a LayerDict is slower
        self._constants = Constants(self._sizes, self._first)

    def _place_rows(self, own: bool) -> int:
        """Gives the fields of a table their rows; returns the number of rows."""
        owners = [f for f in self._fields if f.share is None and (f.tables is not None) == own]
        *starts, rows = accumulate((field.size for field in owners), initial=0)
        first = dict(zip((field.name for field in owners), starts))
        place = 0
        for field in self._fields:
            if (field.tables is not None) == own:
                self._first[place : place + field.max_len] = first[field.share or field.name]
            place += field.max_len
        return rows

    def forward(self, ids, weights=None):
        """Returns the embeddings of ids that are in range, by the first table of each field.

        Args:
            ids: ``[batch, sum of max_len]``.
            weights: the weights of the ids of weighted fields, ``[batch, sum of their max_len]``.
        """
        return self.embedded(self.located(ids, weights))[0]

    def known(self, ids):
        """Returns the ids with 0 (unknown) in place of ids that are out of range."""
        sizes, _ = self._constants()
        inside = paddle.logical_and(ids >= 0, ids < sizes)
        return paddle.where(inside, ids, paddle.zeros_like(ids))

    def check(self, ids: np.ndarray) -> None:
        """Raises a ValueError if an id ``[n, sum of max_len]`` is out of range."""
        wrong = (ids < 0) | (ids >= self._sizes)
        if wrong.any():
            row, column = np.argwhere(wrong)[0]
            raise ValueError(
                f"field {self._names[column]}: expected an id from 0 to {self._sizes[column] - 1} "
                f"from the reader, found {ids[row, column]}"
            )

    def located(self, ids, weights=None) -> dict[str, Any]:
        """Returns what `embedded` takes of ids that are in range.

        Returns:
            ``rows`` and ``own_rows``: the rows of the two tables, ``[batch, columns]``. ``mask``:
            the weight of each id of fields of several ids, 0 for padding. Each only if there is
            such a field.
        """
        _, first = self._constants()
        rows, found = ids + first, {}
        for name, columns in self._of_table.items():
            if len(columns):
                found[name] = rows if len(columns) == len(self._names) else _take(rows, columns)
        if len(self._several):
            found["mask"] = (_take(ids, self._several) > 0).astype("float32")
            if weights is not None:
                with_ones = paddle.concat([paddle.ones_like(weights[:, :1]), weights], axis=1)
                found["mask"] = found["mask"] * _take(with_ones, self._weights)
        return found

    @property
    def ready(self) -> list[str]:
        """The names of what `located` returns."""
        tables = [name for name, columns in self._of_table.items() if len(columns)]
        return tables + ["mask"] * bool(len(self._several))

    def located_column(self, column: int) -> tuple[str, int]:
        """Returns where `located` puts a column of ids: a name, and the column there."""
        for name, columns in self._of_table.items():
            if column in columns:
                return name, int(np.searchsorted(columns, column))
        raise IndexError(column)

    def embedded(self, located: Mapping[str, Any], dense=None) -> list:
        """Returns the fields' vectors side by side ``[batch, fields * size]``, by table.

        There is one entry, or one a table if fields have ``tables: per_task``.

        Args:
            located: the result of `located`; symbols while a fast step is written.
            dense: ``[batch, n]`` to put before the vectors; None for nothing.
        """
        mask = located.get("mask")
        found = self._look_up(self.table, located["rows"]) if "rows" in located else None
        if "own_rows" not in located:
            return [self._joined({False: found}, mask, dense)]
        wide = self._look_up(self.own_tables, located["own_rows"])
        columns = len(self._of_table["own_rows"])
        wide = ops.reshape(wide, [-1, columns, self._table_num, self.size])
        tables = ops.unbind(wide, axis=2, count=self._table_num)
        return [self._joined({False: found, True: own}, mask, dense) for own in tables]

    def _look_up(self, table: nn.Embedding, rows):
        return ops.lookup(rows, table.weight, self._sparse)

    def _joined(self, found: Mapping[bool, Any], mask, dense):
        """Returns the vectors of all fields, behind dense numbers if there are any.

        Args:
            found: the embeddings ``[batch, columns, size]`` of fields without and with own tables.
            mask: see `located`.
            dense: see `embedded`.
        """
        pieces = {}
        for own, embeddings in found.items():
            runs = [run for run in self._runs if (run[0].tables is not None) == own]
            pieces.update(_parts(embeddings, runs))
        masks = _parts(mask, [run for run in self._runs if run[0].max_len > 1])
        vectors = [] if dense is None else [dense]
        for run in self._runs:
            first, part = run[0], pieces[run[0].name]
            if first.max_len == 1:
                vectors.append(ops.reshape(part, [-1, len(run) * self.size]))
                continue
            mask, target = masks[first.name], _target(first)
            if target is not None:
                target = ops.reshape(pieces[target], [-1, self.size])
            if len(run) > 1:  # a row for each field
                part = ops.reshape(part, [-1, first.max_len, self.size])
                mask = ops.reshape(mask, [-1, first.max_len])
            vector = self._pooling_of[first.name](part, mask, target)
            if len(run) > 1:
                vector = ops.reshape(vector, [-1, len(run) * self.size])
            vectors.append(vector)
        return ops.concat(vectors, axis=1) if len(vectors) > 1 else vectors[0]


def _take(columns, places: np.ndarray):
    """Returns some columns of ``[batch, columns]``."""
    return paddle.gather(columns, paddle.to_tensor(places), axis=1)


def _target(field: SparseField) -> str | None:
    """Returns the field whose embedding a field's pooling takes beside its own; None for none."""
    kind = field.pooling["type"] if isinstance(field.pooling, Mapping) else field.pooling
    return (field.target or field.share) if kind == "din" else None


def _runs(fields: Sequence[SparseField]) -> list[list[SparseField]]:
    """Returns the fields in runs that are treated at once.

    They are neighbours of one table: single ids, or lists of one length and of one pooling that
    depends on nothing else.
    """
    targets = {_target(field) for field in fields}

    def kind(field: SparseField) -> tuple | None:
        several = field.max_len > 1
        if field.name in targets or (several and field.pooling not in POOLINGS):
            return None
        return field.tables, field.max_len, field.pooling if several else None

    runs: list[list[SparseField]] = []
    for field in fields:
        if runs and kind(field) is not None and kind(field) == kind(runs[-1][0]):
            runs[-1].append(field)
        else:
            runs.append([field])
    return runs


def _parts(columns, runs: Sequence[Sequence[SparseField]]) -> dict[str, Any]:
    """Returns each run's part of columns ``[batch, columns, ...]``, by its first field."""
    if not runs:
        return {}
    sizes = [sum(field.max_len for field in run) for run in runs]
    parts = ops.split(columns, sizes) if len(sizes) > 1 else [columns]
    return {run[0].name: part for run, part in zip(runs, parts)}
