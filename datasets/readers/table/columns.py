"""The block ``hyper_parameters.table`` of a YAML: which columns a table has, and what each is."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields
from typing import Any

KEY = "hyper_parameters.table"
POOLINGS = ("sum", "mean", "max")
MISSING = ("NA", "N/A", "NaN", "nan", "NULL", "null", "None")  # besides empty cells
_CROSSED = "a list of at least two columns, each once"
_MOST = (1 << 31) - 2  # ids are stored as int32


@dataclass(frozen=True)
class Dense:
    """A column of numbers.

    Attributes:
        name: the column.
        fill: what stands where a number is missing: ``mean``, that of the training rows, or a
            number.
    """

    name: str
    fill: str | float = "mean"


@dataclass(frozen=True)
class Sparse:
    """A column of categories, integers or text.

    Attributes:
        name: the column, and the model's sparse field.
        min_count: how often a value must occur in the training rows to have an id of its own.
        hash_buckets: ids that values are hashed to, instead of a vocabulary; None for that.
        separator: what stands between the values of a cell; None if a cell is one value.
        max_len: how many values of a cell are kept.
        pooling: how their embeddings become one.
        share: the column whose ids and embeddings it uses.
        cross: the columns whose values together are its values; None for a column of the files.
    """

    name: str
    min_count: int = 1
    hash_buckets: int | None = None
    separator: str | None = None
    max_len: int = 1
    pooling: str = "mean"
    share: str | None = None
    cross: tuple[str, ...] | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        """The columns of the files that its values come from."""
        return self.cross or (self.name,)


@dataclass(frozen=True)
class Table:
    """What a table's columns are.

    Attributes:
        labels: the columns of 0 and 1, in the order of ``label_column``.
        dense: the columns of numbers.
        sparse: the columns of categories.
        missing: texts that stand for a missing value; so does an empty cell.
        delimiter: what stands between cells; None for a tab in files called ``.tsv`` and a comma
            in others.
        column_names: the columns of text files without a header; None if the first row names
            them.
    """

    labels: tuple[str, ...]
    dense: tuple[Dense, ...]
    sparse: tuple[Sparse, ...]
    missing: tuple[str, ...] = MISSING
    delimiter: str | None = None
    column_names: tuple[str, ...] | None = None

    @property
    def names(self) -> list[str]:
        """All columns that are read, each once: one may be a number and a category."""
        numbers = [column.name for column in self.dense]
        categories = [name for column in self.sparse for name in column.sources]
        return list(dict.fromkeys([*self.labels, *numbers, *categories]))

    @property
    def meaning(self) -> dict[str, Any]:
        """What numbers and ids follow from, as JSON has it; how a file is written is no part."""
        return {
            "labels": list(self.labels),
            "dense": [asdict(column) for column in self.dense],
            "sparse": [_meaning(column) for column in self.sparse],
            "missing": list(self.missing),
        }


def table_of(config: Mapping) -> Table:
    """Returns the table of a configuration.

    Raises:
        ValueError: the block is malformed; the message names its key.
    """
    labels = _names(config, "labels")
    if not labels:
        raise ValueError(f"{KEY}.labels: expected a list of label columns, found none")
    table = Table(
        tuple(labels),
        tuple(_column(Dense, "dense", entry) for entry in _list(config, "dense")),
        tuple(_column(Sparse, "sparse", entry) for entry in _list(config, "sparse")),
        tuple(_names(config, "missing", MISSING)),
        _delimiter(config.get(f"{KEY}.delimiter")),
        tuple(_names(config, "column_names")) or None,
    )
    if not table.dense and not table.sparse:
        raise ValueError(f"{KEY}: expected columns under dense, sparse or both, found none")
    for columns in (table.dense, table.sparse):
        names = [*table.labels, *(column.name for column in columns)]
        twice = [name for name in names if names.count(name) > 1]
        if twice:
            raise ValueError(f"{KEY}: column {twice[0]} stands there twice")
    for column in table.dense:
        _check_dense(column)
    for column in table.sparse:
        read = [name for name in column.sources if name in table.labels]
        if column.cross and read:
            _refuse(column.name, "cross", "columns that are no labels", read[0])
    owners = {column.name: column for column in table.sparse if column.share is None}
    for column in table.sparse:
        _check_sparse(column, owners)
    return table


def _meaning(column: Sparse) -> dict[str, Any]:
    """Returns what a column's ids follow from; what has no cross is as it was before there were."""
    found = {**asdict(column), "cross": column.cross and list(column.cross)}
    if column.cross is None:
        del found["cross"]
    return found


def _list(config: Mapping, key: str, default: Sequence = ()) -> Sequence:
    value = config.get(f"{KEY}.{key}")
    if value is None:
        return default
    if not isinstance(value, (list, tuple)):
        raise ValueError(f"{KEY}.{key}: expected a list, found {value!r}")
    return value


def _names(config: Mapping, key: str, default: Sequence[str] = ()) -> Sequence[str]:
    names = _list(config, key, default)
    for name in names:
        if not isinstance(name, str):
            raise ValueError(
                f"{KEY}.{key}: expected texts, found {name!r} (write it in quotation marks)"
            )
    return names


def _column(kind: type, key: str, entry: Any) -> Any:
    """Returns a column from its entry: a mapping, or its name alone."""
    if isinstance(entry, str):
        entry = {"name": entry}
    known = [field.name for field in fields(kind)]
    if not isinstance(entry, Mapping) or not isinstance(entry.get("name"), str):
        raise ValueError(f"{KEY}.{key}: expected a column's name or its entry, found {entry!r}")
    unknown = [name for name in entry if name not in known]
    if unknown:
        raise ValueError(
            f"{KEY}.{key}: {entry['name']}: expected keys among {', '.join(known)}, "
            f"found {unknown[0]!r}"
        )
    crossed = entry.get("cross")
    if crossed is not None and not isinstance(crossed, (list, tuple)):
        _refuse(entry["name"], "cross", _CROSSED, crossed)
    if isinstance(crossed, list):
        entry = {**entry, "cross": tuple(crossed)}
    return kind(**entry)


def _delimiter(value: Any) -> str | None:
    if value is None:
        return None
    if value == r"\t":  # typed after -o
        return "\t"
    if not isinstance(value, str) or not re.fullmatch(r"[\x01-\x7f]", value) or value in '"\r\n':
        raise ValueError(f"{KEY}.delimiter: expected one ASCII character, found {value!r}")
    return value


def _check_dense(column: Dense) -> None:
    number = isinstance(column.fill, (int, float)) and not isinstance(column.fill, bool)
    if column.fill != "mean" and not (number and abs(column.fill) < 1e38):
        raise ValueError(
            f"{KEY}.dense: {column.name}: fill: expected mean or a number, found {column.fill!r}"
        )


def _check_sparse(column: Sparse, owners: Mapping[str, Sparse]) -> None:
    for key in ("min_count", "max_len", "hash_buckets"):
        value = getattr(column, key)
        if value is None and key == "hash_buckets":
            continue
        if type(value) is not int or not 1 <= value <= _MOST:
            _refuse(column.name, key, f"an integer from 1 to {_MOST}", value)
    if column.pooling not in POOLINGS:
        _refuse(column.name, "pooling", ", ".join(POOLINGS), column.pooling)
    if column.separator is not None and (
        not isinstance(column.separator, str) or not column.separator
    ):
        _refuse(column.name, "separator", "a text", column.separator)
    if column.max_len > 1 and column.separator is None:
        _refuse(column.name, "separator", f"a text, as max_len is {column.max_len}", None)
    if column.hash_buckets is not None and column.min_count != 1:
        _refuse(column.name, "min_count", "none where values are hashed", column.min_count)
    if column.cross is not None:
        _check_cross(column)
    if column.share is None:
        return
    if not isinstance(column.share, str) or column.share not in owners:
        _refuse(column.name, "share", "a sparse column that shares no other's", column.share)
    for key in ("min_count", "hash_buckets"):
        if getattr(column, key) != getattr(Sparse, key):
            _refuse(column.name, key, f"none, as {column.share} has it", getattr(column, key))


def _check_cross(column: Sparse) -> None:
    crossed = column.cross
    texts = all(isinstance(name, str) for name in crossed)
    if not texts or len(crossed) < 2 or len(set(crossed)) < len(crossed):
        _refuse(column.name, "cross", _CROSSED, list(crossed))
    for key in ("separator", "share"):
        if getattr(column, key) is not None:
            _refuse(column.name, key, "none where columns are crossed", getattr(column, key))


def _refuse(column: str, key: str, expected: str, found: Any):
    raise ValueError(f"{KEY}.sparse: {column}: {key}: expected {expected}, found {found!r}")
