"""Embeddings of sparse fields: one table and one look-up for all fields."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

import numpy as np
import paddle
from paddle import nn

from datasets.readers.sparse_fields import SparseField
from models.common.layers import ops
from models.common.layers.dense import Part

_LOWEST = -1e9  # stands for padding in a maximum
_DEVIATION = 0.01  # standard deviation of a new table


class FieldEmbedding(Part):
    """The embeddings of all fields, side by side.

    The fields' tables are rows of one table, so one look-up serves all fields. A field of several
    ids is pooled over the ids that are not 0; without any, its embedding is 0.

    Args:
        fields: the fields, in the order of their ids' columns.
        size: the size of an embedding.
        sparse: compute gradients only for the rows that were looked up. Paddle does so in dygraph
            and, on 2.6, in static graph; on 3.3 static gradients cover the whole table.

    Shapes:
        ids ``[batch, sum of max_len]`` to ``[batch, fields * size]``.
    """

    def __init__(self, fields: Sequence[SparseField], size: int, sparse: bool = True):
        super().__init__()
        own = [field for field in fields if field.share is None]
        *starts, rows = accumulate((field.size for field in own), initial=0)
        first = dict(zip((field.name for field in own), starts))
        firsts = [first[field.share or field.name] for field in fields]
        repeats = [field.max_len for field in fields]
        self.size, self.out_size = size, len(fields) * size
        self._first = np.repeat(firsts, repeats)  # each column's first row of the table
        self._sizes = np.repeat([field.size for field in fields], repeats)
        self._runs = _runs(fields)
        normal = paddle.ParamAttr(initializer=nn.initializer.Normal(0.0, _DEVIATION))
        self.table = nn.Embedding(rows, size, sparse=sparse, weight_attr=normal)
        self._constants: dict[str, paddle.Tensor] = {}

    def forward(self, ids):
        """Returns the embeddings of ids that are in range."""
        found = self.table(ids + self._constant("_first"))
        if len(self._runs) == 1 and self._runs[0][1] is None:
            return ops.reshape(found, [-1, self.out_size])
        parts = []
        for columns, pooling in self._runs:
            part = found[:, columns]
            if pooling is None:
                width = (columns.stop - columns.start) * self.size
                parts.append(ops.reshape(part, [-1, width]))
            else:
                parts.append(_pooled(part, ids[:, columns] > 0, pooling))
        return paddle.concat(parts, axis=1)

    def known(self, ids):
        """Returns the ids with 0 (unknown) in place of ids that are out of range."""
        inside = paddle.logical_and(ids >= 0, ids < self._constant("_sizes"))
        return paddle.where(inside, ids, paddle.zeros_like(ids))

    def _constant(self, name: str):
        array = getattr(self, name)
        if not paddle.in_dynamic_mode():
            return paddle.assign(array)
        if name not in self._constants:
            self._constants[name] = paddle.to_tensor(array)
        return self._constants[name]


def _runs(fields: Sequence[SparseField]) -> list[tuple[slice, str | None]]:
    """Returns runs of columns with the same treatment, and their pooling; None for single ids."""
    runs: list[tuple[slice, str | None]] = []
    end = 0
    for field in fields:
        begin, end = end, end + field.max_len
        single = field.max_len == 1
        if single and runs and runs[-1][1] is None:
            runs[-1] = (slice(runs[-1][0].start, end), None)
        else:
            runs.append((slice(begin, end), None if single else field.pooling))
    return runs


def _pooled(embeddings, present, pooling: str):
    """Pools several embeddings into one, ``[batch, ids, size]`` to ``[batch, size]``."""
    weights = present.astype(embeddings.dtype).unsqueeze(-1)
    if pooling == "max":
        # amax divides the gradient between equal ids; max of Paddle 2.6 counts it twice.
        highest = paddle.amax(embeddings + (1.0 - weights) * _LOWEST, axis=1)
        return highest * weights.max(axis=1)  # 0 where there is no id at all
    total = (embeddings * weights).sum(axis=1)
    return total / weights.sum(axis=1).clip(min=1.0) if pooling == "mean" else total
