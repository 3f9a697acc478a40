"""Encodes a table's values: vocabularies or hashes give ids, fills replace missing numbers."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any

import numpy as np

from datasets.readers.fields import hashing
from datasets.readers.table.column_types.sparse import OF_THE_MODEL, Sparse
from datasets.readers.table.columns import Table
from datasets.readers.table.rates.rate_files import StoredRates
from datasets.readers.table.rates.table_rates import TableRates
from datasets.readers.table.vocabularies.history import History

FREE = ""  # in a vocabulary: the id of an evicted value, which a new one may take


@dataclass(frozen=True)
class Encoding:
    """The vocabularies and fills that follow from the training files.

    Attributes:
        table: the columns and their types.
        fills: the value of a missing number, by column; of a vector, its values or one for all.
        vocabularies: the values of the ids from 1 on, by column. Hashed columns and columns with
            ``share`` have none.
        classes: the classes that were learned, by task: their ``names``, and the ``column`` and
            ``missing_label`` that they follow from.
        history: the counts from which vocabularies are extended; None if they were not kept.
        rates: the sums of the table's rates, or the file that has them; None without rates.
    """

    table: Table
    fills: Mapping[str, float | Sequence[float]]
    vocabularies: Mapping[str, Sequence[str]]
    classes: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    history: History | None = None
    rates: TableRates | StoredRates | None = None
    _ids: dict[str, dict[str, int]] = field(default_factory=dict, repr=False)

    @cached_property
    def sha256(self) -> str:
        """The hash of everything that determines numbers and ids; it identifies the encoding."""
        content = [self.table.meaning, dict(self.fills), dict(self.vocabularies)]
        if self.classes:  # so that encodings without classes stay valid
            content.append(dict(self.classes))
        if self.history is not None:
            content.append(self.history.content)
        if self.rates:
            content.append({"rates": self.rates.sha256})
        text = json.dumps(content, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def owner(self, column: Sparse) -> Sparse:
        """Returns the column whose ids are used: the column itself, or the one that it shares."""
        return next(c for c in self.table.sparse if c.name == (column.share or column.name))

    def size(self, column: Sparse) -> int:
        """Returns the number of ids of a column, including 0."""
        owner = self.owner(column)
        if owner.hash_buckets is not None:
            return hashing.size(owner.hash_buckets, owner.hash_method)
        return 1 + len(self.vocabularies[owner.name])

    def width(self, column: Sparse) -> int:
        """Returns the ids of a column in a row."""
        return column.max_len * self.owner(column).hash_num

    def ids(self, column: Sparse, texts: Sequence[str]) -> np.ndarray:
        """Returns the ids of distinct values, ``[n, hash_num]`` int32; 0 if out-of-vocabulary."""
        owner = self.owner(column)
        if owner.hash_buckets is not None:
            settings = (owner.hash_buckets, owner.hash_num, owner.hash_method)
            return hashing.text_ids(texts, *settings)
        if owner.name not in self._ids:
            values = self.vocabularies[owner.name]
            self._ids[owner.name] = dict(zip(values, range(1, len(values) + 1)))
        id_of = self._ids[owner.name]
        numbers = (id_of.get(text, 0) for text in texts)
        return np.fromiter(numbers, np.int32, len(texts))[:, None]

    def hyper_parameters(self) -> dict[str, Any]:
        """Returns the hyper-parameters of a model that follow from the encoding."""
        fields = []
        for column in self.table.sparse:
            entry = {"name": column.name, "size": self.size(column), "max_len": column.max_len}
            entry["pooling"] = column.pooling
            owner = self.owner(column)
            if owner.hash_num > 1:
                entry.update(hash_num=owner.hash_num, hash_method=owner.hash_method or "double")
            for key in ("share", "weighted", *OF_THE_MODEL):
                if getattr(column, key) != getattr(Sparse, key):
                    entry[key] = getattr(column, key)
            fields.append(entry)
        sizes = dict(zip(self.table.dense_names, self.table.dense_sizes))
        columns = [n if s == 1 else {"name": n, "size": s} for n, s in sizes.items()]
        number = sum(sizes.values())
        dense = {"dense_input_dim": number, "dense_columns": columns or None}
        shape = {"sparse_fields": fields} if fields else {"feature_size": number}
        return {**dense, **shape, "encoding": self.sha256}
