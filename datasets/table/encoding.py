"""What a table's values become: ids by vocabulary or hash, and numbers where some are missing.

An encoding is learned from the training files once, and kept as ``vocabulary-<name>.json``. The
name is of the content, so files of several trainings lie side by side, none is ever changed, and
a checkpoint, which keeps the whole hash, finds its own or none.
"""

from __future__ import annotations

import hashlib
import json
import os
import tempfile
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from datasets.table import files, values
from datasets.table.arrow import pa
from datasets.table.columns import KEY, Sparse, Table

Source = Sequence[Sequence]  # name, size and time of change of each training file


@dataclass(frozen=True)
class Encoding:
    """What is learned from training files.

    Attributes:
        table: what the columns are.
        fills: what stands for a missing number, by column.
        vocabularies: the values of ids 1 and up, by column; hashed columns have none, nor have
            those that share another one's.
    """

    table: Table
    fills: Mapping[str, float]
    vocabularies: Mapping[str, Sequence[str]]
    _ids: dict[str, dict[str, int]] = field(default_factory=dict, repr=False)

    @property
    def sha256(self) -> str:
        """What tells encodings apart: the hash of all that numbers and ids follow from."""
        content = [self.table.meaning, dict(self.fills), dict(self.vocabularies)]
        text = json.dumps(content, sort_keys=True, ensure_ascii=False)
        return hashlib.sha256(text.encode()).hexdigest()

    def owner(self, column: Sparse) -> Sparse:
        """Returns the column whose ids a column has: its own, or the one that it shares."""
        return next(c for c in self.table.sparse if c.name == (column.share or column.name))

    def size(self, column: Sparse) -> int:
        """Returns what a column's ids are below."""
        owner = self.owner(column)
        return 1 + (owner.hash_buckets or len(self.vocabularies[owner.name]))

    def ids(self, column: Sparse, texts: Sequence[str]) -> np.ndarray:
        """Returns the ids of distinct values, ``[n]`` int32; 0 for those not known."""
        owner = self.owner(column)
        if owner.hash_buckets is not None:
            found = (hashed(text, owner.hash_buckets) for text in texts)
        else:
            if owner.name not in self._ids:
                known = self.vocabularies[owner.name]
                self._ids[owner.name] = dict(zip(known, range(1, len(known) + 1)))
            ids = self._ids[owner.name]
            found = (ids.get(text, 0) for text in texts)
        return np.fromiter(found, np.int32, len(texts))

    def hyper_parameters(self) -> dict[str, Any]:
        """Returns what a model has to know of the table."""
        fields = []
        for column in self.table.sparse:
            entry = {"name": column.name, "size": self.size(column), "max_len": column.max_len}
            entry["pooling"] = column.pooling
            fields.append({**entry, "share": column.share} if column.share else entry)
        dense = {"dense_input_dim": len(self.table.dense)}
        shape = {"sparse_fields": fields} if fields else {"feature_size": len(self.table.dense)}
        return {**dense, **shape, "encoding": self.sha256}


def hashed(text: str, buckets: int) -> int:
    """Returns the id of a value: 1 + its hash modulo the buckets, the same everywhere.

    The hash is BLAKE2b of 8 bytes over the text in UTF-8, read as a little-endian integer.
    """
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return 1 + int.from_bytes(digest, "little") % buckets


def learn(paths: Sequence[str], table: Table) -> Encoding:
    """Returns the encoding of training files, all of whose cells it checks.

    Ids go from the most frequent value to the least; where two are as frequent, in the order of
    their text. So they do not depend on the order of rows.

    Raises:
        ValueError: a file, a cell or a column cannot be used.
    """
    sums, present = np.zeros(len(table.dense)), np.zeros(len(table.dense), np.int64)
    blank = Encoding(table, {}, {})
    owners = {column.name: blank.owner(column) for column in table.sparse}
    counts: dict[str, Counter] = {
        name: Counter() for name, owner in owners.items() if owner.name == name
    }
    for path in paths:
        for columns, place in files.batches(path, table):
            for name in table.labels:
                with located(place, name):
                    values.labels(columns[name], table.missing)
            for number, dense in enumerate(table.dense):
                with located(place, dense.name):
                    found = values.numbers(columns[dense.name], table.missing)
                sums[number] += np.nansum(found)
                present[number] += np.count_nonzero(~np.isnan(found))
            for sparse in table.sparse:
                with located(place, sparse.name):
                    found = cells(sparse, columns[sparse.name], table)[0]
                if owners[sparse.name].hash_buckets is None:
                    texts, where = values.distinct(found)
                    times = np.bincount(where[where >= 0], minlength=len(texts))
                    counts[owners[sparse.name].name].update(dict(zip(texts, times.tolist())))
    fills = {}
    for dense, total, count in zip(table.dense, sums, present):
        if not count:
            raise ValueError(f"column {dense.name}: no training row has a number")
        fills[dense.name] = float(total / count if dense.fill == "mean" else dense.fill)
    vocabularies = {}
    for column in table.sparse:
        if column.share is None and column.hash_buckets is None:
            counted = counts[column.name]
            kept = [text for text, times in counted.items() if times >= column.min_count]
            if not kept:
                raise ValueError(
                    f"column {column.name}: no value is in {column.min_count} training rows "
                    f"({KEY}.sparse: min_count)"
                )
            vocabularies[column.name] = sorted(kept, key=lambda text: (-counted[text], text))
    return Encoding(table, fills, vocabularies)


def cells(column: Sparse, array: pa.Array, table: Table) -> tuple[pa.Array, np.ndarray]:
    """Returns a column's values as texts, and the row of each."""
    if column.separator is not None:
        return values.lists(array, column.separator, table.missing)
    return values.texts(array, table.missing), np.arange(len(array))


@contextmanager
def located(place: files.Place, column: str) -> Iterator[None]:
    """Says where a cell is that cannot be used: file, line and column."""
    try:
        yield
    except values.CellError as error:
        raise ValueError(f"{place(error.row)}: column {column}: {error}") from error


def file_name(sha256: str) -> str:
    """Returns what the file of an encoding is called."""
    return f"vocabulary-{sha256[:12]}.json"


def save(encoding: Encoding, folder: str, source: Source) -> str:
    """Writes an encoding into a folder, whole or not at all; returns the file's path.

    Raises:
        ValueError: it cannot be written.
    """
    path = os.path.join(folder, file_name(encoding.sha256))
    content = {
        "encoding": encoding.sha256,
        "learned_from": source,
        "table": encoding.table.meaning,
        "fills": encoding.fills,
        "vocabularies": encoding.vocabularies,
    }
    temporary = None
    try:
        os.makedirs(folder, exist_ok=True)
        handle, temporary = tempfile.mkstemp(dir=folder, prefix=".vocabulary.", text=True)
        with os.fdopen(handle, "w", encoding="utf-8") as file:
            json.dump(content, file, ensure_ascii=False, indent=0)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(temporary, 0o644)
        os.replace(temporary, path)
    except OSError as error:
        if temporary and os.path.exists(temporary):
            os.remove(temporary)
        raise ValueError(f"cannot write {path}: {error.strerror or error}") from error
    return path


def load(path: str, table: Table, expected: str | None = None) -> tuple[Encoding, Source]:
    """Returns the encoding of a file and the training files that it was learned from.

    Args:
        path: the file.
        table: the columns that it must be of.
        expected: the hash that it must have; None for any.

    Raises:
        ValueError: the file is damaged, or another one, or its columns are not those of the
            configuration.
    """
    try:
        with open(path, encoding="utf-8") as file:
            content = json.load(file)
        learned_for = content["table"]
        encoding = Encoding(table, content["fills"], content["vocabularies"])
        source, sha256 = content["learned_from"], content["encoding"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise ValueError(f"{path} is damaged: {type(error).__name__}: {error}") from error
    for key, given in table.meaning.items():
        if learned_for.get(key) != given:
            there, here = _first_difference(learned_for.get(key), given)
            raise ValueError(
                f"{KEY}.{key} is not what the checkpoint was trained with: {there} in {path}, "
                f"{here} here"
            )
    if encoding.sha256 != sha256:
        raise ValueError(f"{path} is damaged: it is not as it was written")
    if expected not in (None, sha256):
        raise ValueError(f"{path}: expected the vocabulary {expected}, found {sha256}")
    return encoding, source


def _first_difference(old: Any, new: Any) -> tuple[Any, Any]:
    if not isinstance(old, list) or len(old) != len(new):
        return _names(old), _names(new)
    return next(pair for pair in zip(old, new) if pair[0] != pair[1])


def _names(entries: Any) -> Any:
    if not isinstance(entries, list):
        return entries
    return [entry["name"] if isinstance(entry, dict) else entry for entry in entries]
