"""The block ``hyper_parameters.table`` of a YAML: the columns of a table and their types."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, fields, replace
from typing import Any

from datasets.readers import checks
from datasets.readers.sparse_fields import POOLINGS, check_tables

KEY = "hyper_parameters.table"
MISSING = ("NA", "N/A", "NaN", "nan", "NULL", "null", "None", r"\N")  # besides empty cells
KEEPS = ("first", "last")
UTF8 = "utf-8"
CELL_RULES = 2  # of a new training
OF_THE_MODEL = ("tables",)  # keys of a sparse column that change no id
_MAX_ID = (1 << 31) - 2  # ids are stored as int32


@dataclass(frozen=True)
class Dense:
    """A column of numbers.

    Attributes:
        name: the column.
        fill: the value of a missing number: ``mean`` of the training rows, or a number.
    """

    name: str
    fill: str | float = "mean"


@dataclass(frozen=True)
class Sparse:
    """A column of categories, integers or text.

    Attributes:
        name: the column, and the model's sparse field.
        min_count: training rows that a value needs for an id of its own.
        hash_buckets: number of buckets that values are hashed to; None for a vocabulary.
        separator: the text between the values of a cell; None if a cell is one value.
        max_len: values of a cell that are kept.
        keep: which values are kept, the ``first`` or the ``last``; None for the default: ``last``
            in a new training, otherwise that of the checkpoint.
        pooling: how the embeddings of a cell's values are combined.
        share: the column whose ids and embedding table are used; None for its own.
        cross: the columns whose values are combined; None for a column of the files.
        tables: ``per_task`` for an embedding table of each task; None for one.
    """

    name: str
    min_count: int = 1
    hash_buckets: int | None = None
    separator: str | None = None
    max_len: int = 1
    keep: str | None = None
    pooling: str = "mean"
    share: str | None = None
    cross: tuple[str, ...] | None = None
    tables: str | None = None

    @property
    def sources(self) -> tuple[str, ...]:
        """The columns of the files that its values come from."""
        return self.cross or (self.name,)


@dataclass(frozen=True)
class Table:
    """The columns of a table and their types.

    Attributes:
        labels: the label columns, in the order of ``label_column``.
        dense: the columns of numbers.
        sparse: the columns of categories.
        missing: texts that mean a missing value; an empty cell does too. None for the default:
            `MISSING` in a new training, otherwise that of the checkpoint.
        delimiter: the character between cells; None for a tab in ``.tsv`` files and a comma in
            others.
        column_names: the columns of text files without a header; None if the first row is one.
        encoding: the character encoding of text files.
        cell_rules: how cells become categories. With 1 they are taken as they are; with 2 ``7.0``
            is ``7``, and ``['x', 'y']`` in a column with a separator is a list. None for the
            default: 2 in a new training; vocabularies of earlier versions have 1.
    """

    labels: tuple[str, ...]
    dense: tuple[Dense, ...]
    sparse: tuple[Sparse, ...]
    missing: tuple[str, ...] | None = None
    delimiter: str | None = None
    column_names: tuple[str, ...] | None = None
    encoding: str = UTF8
    cell_rules: int | None = None

    @property
    def features(self) -> list[str]:
        """The columns of features, each once: a column may be both dense and sparse."""
        numbers = [column.name for column in self.dense]
        categories = [name for column in self.sparse for name in column.sources]
        return list(dict.fromkeys([*numbers, *categories]))

    @property
    def meaning(self) -> dict[str, Any]:
        """The settings that determine numbers and ids, as JSON; not the form of the files."""
        meaning = {
            "labels": list(self.labels),
            "dense": [asdict(column) for column in self.dense],
            "sparse": [_meaning(column) for column in self.sparse],
            "missing": list(self.missing or ()),
        }
        if self.cell_rules == 1:  # so that encodings from before the second rules stay valid
            return meaning
        return {**meaning, "cell_rules": self.cell_rules}

    def for_training(self) -> Table:
        """Returns the table of a new training: settings that are not set have their defaults."""
        return self._completed(MISSING, CELL_RULES, dict.fromkeys(self._names_of_lists(), "last"))

    def as_trained(self, meaning: Mapping[str, Any]) -> Table:
        """Returns the table with settings that are not set taken from a saved `meaning`."""
        keep = {entry["name"]: entry.get("keep", "first") for entry in meaning["sparse"]}
        cell_rules = meaning.get("cell_rules", 1)
        if cell_rules not in (1, CELL_RULES):
            raise ValueError(f"expected cell_rules 1 or {CELL_RULES}, found {cell_rules!r}")
        return self._completed(tuple(meaning["missing"]), cell_rules, keep)

    def _names_of_lists(self) -> list[str]:
        return [column.name for column in self.sparse if column.separator is not None]

    def _completed(
        self, missing: tuple[str, ...], cell_rules: int, keep: Mapping[str, str]
    ) -> Table:
        lists = self._names_of_lists()
        sparse = tuple(
            replace(column, keep=column.keep or keep.get(column.name))
            if column.name in lists
            else column
            for column in self.sparse
        )
        return replace(
            self,
            sparse=sparse,
            missing=missing if self.missing is None else self.missing,
            cell_rules=cell_rules if self.cell_rules is None else self.cell_rules,
        )


def _meaning(column: Sparse) -> dict[str, Any]:
    meaning = {**asdict(column), "cross": column.cross and list(column.cross)}
    # Left out so that encodings from before `cross` and `keep` existed stay valid.
    if column.cross is None:
        del meaning["cross"]
    if column.keep in (None, "first"):
        del meaning["keep"]
    return {name: value for name, value in meaning.items() if name not in OF_THE_MODEL}


def table_of(config: Mapping) -> Table:
    """Returns the table of a configuration; settings that are not set may depend on a checkpoint.

    Raises:
        ValueError: the block is malformed; the message names its key.
    """
    block = {field.name: config.get(f"{KEY}.{field.name}") for field in fields(Table)}
    missing = block["missing"]
    labels = checks.texts(f"{KEY}.labels", block["labels"])
    if not labels:
        checks.fail(f"{KEY}.labels", "a list of label columns", block["labels"])
    table = Table(
        labels,
        tuple(_columns(Dense, "dense", block["dense"])),
        tuple(_columns(Sparse, "sparse", block["sparse"])),
        None if missing is None else checks.texts(f"{KEY}.missing", missing),
        _delimiter(block["delimiter"]),
        checks.texts(f"{KEY}.column_names", block["column_names"]) or None,
        _encoding(block["encoding"]),
    )
    if not table.dense and not table.sparse:
        checks.fail(KEY, "columns under dense, sparse or both", [])
    checks.distinct(f"{KEY}.labels", "column", labels)
    for key, columns in (("dense", table.dense), ("sparse", table.sparse)):
        names = [column.name for column in columns]
        for name in names:
            if name in labels:
                hint = f"it is a label under {KEY}.labels: remove it here"
                checks.fail(f"{KEY}.{key}", "columns that are not labels", name, hint)
        checks.distinct(f"{KEY}.{key}", "column", names)
    for column in table.dense:
        _check_dense(column)
    owners = {column.name: column for column in table.sparse if column.share is None}
    for column in table.sparse:
        _check_sparse(column, owners, labels)
    return table


def _columns(kind: type, key: str, entries: Any) -> list:
    """Returns the columns of a list whose entries are names or mappings."""
    place = f"{KEY}.{key}"
    optional = [field.name for field in fields(kind)[1:]]
    columns = []
    for entry in checks.list_of("columns", place, entries):
        settings = {"name": entry} if isinstance(entry, str) else entry
        if not isinstance(settings, Mapping) or not isinstance(settings.get("name"), str):
            checks.fail(place, "a column's name as text, or a mapping with its name", entry)
        settings = dict(checks.keys(place, settings, ("name",), optional))
        if isinstance(settings.get("cross"), list):
            settings["cross"] = tuple(settings["cross"])
        columns.append(kind(**settings))
    return columns


def _delimiter(value: Any) -> str | None:
    if value is None:
        return None
    if value == r"\t":  # typed after -o
        return "\t"
    if not isinstance(value, str) or not re.fullmatch(r"[\x01-\x7f]", value) or value in '"\r\n':
        checks.fail(f"{KEY}.delimiter", "one ASCII character", value)
    return value


def _encoding(value: Any) -> str:
    """Returns Python's name of a character encoding."""
    if value is None:
        return UTF8
    expected = "a character encoding such as utf-8, gbk or latin-1"
    if not isinstance(value, str):
        checks.fail(f"{KEY}.encoding", expected, value)
    try:
        codec = codecs.lookup(value.strip())
        "0".encode(codec.name).decode(codec.name)  # base64 and the like do not convert text
    except (LookupError, ValueError, TypeError):
        checks.fail(f"{KEY}.encoding", expected, value)
    return UTF8 if codec.name == "utf-8-sig" else codec.name  # its mark is skipped in any case


def _check_dense(column: Dense) -> None:
    number = isinstance(column.fill, (int, float)) and not isinstance(column.fill, bool)
    if column.fill != "mean" and not (number and abs(column.fill) < 1e38):
        checks.fail(f"{KEY}.dense: {column.name}: fill", "mean or a number", column.fill)


def _check_sparse(column: Sparse, owners: Mapping[str, Sparse], labels: Sequence[str]) -> None:
    place = f"{KEY}.sparse: {column.name}"
    checks.integer(f"{place}: min_count", column.min_count, 1, _MAX_ID)
    checks.integer(f"{place}: max_len", column.max_len, 1, _MAX_ID)
    if column.hash_buckets is not None:
        checks.integer(f"{place}: hash_buckets", column.hash_buckets, 1, _MAX_ID)
        _check_unset(column, ("min_count",), "hash_buckets is set")
    checks.choice(f"{place}: pooling", column.pooling, POOLINGS)
    check_tables(place, column, owners)
    if column.keep is not None:
        checks.choice(f"{place}: keep", column.keep, KEEPS)
        if column.separator is None:
            _check_unset(column, ("keep",), "without a separator a cell is one value")
    if column.separator is None and column.max_len > 1:
        checks.fail(f"{place}: separator", f"a text, because max_len is {column.max_len}", None)
    if column.separator is not None and not (
        column.separator and isinstance(column.separator, str)
    ):
        checks.fail(f"{place}: separator", "a text", column.separator)
    if column.cross is not None:
        _check_cross(column, labels)
    if column.share is not None:
        if not isinstance(column.share, str) or column.share not in owners:
            checks.fail(f"{place}: share", "a sparse column without share", column.share)
        _check_unset(column, ("min_count", "hash_buckets"), f"{column.share} has it")


def _check_cross(column: Sparse, labels: Sequence[str]) -> None:
    place, crossed = f"{KEY}.sparse: {column.name}: cross", column.cross
    names = isinstance(crossed, tuple) and all(isinstance(name, str) for name in crossed)
    if not names or len(crossed) < 2 or len(set(crossed)) < len(crossed):
        found = list(crossed) if isinstance(crossed, tuple) else crossed
        checks.fail(place, "a list of at least two different columns", found)
    for name in crossed:
        if name in labels:
            checks.fail(place, "columns that are not labels", name)
    _check_unset(column, ("separator", "share"), "cross is set")


def _check_unset(column: Sparse, keys: Sequence[str], reason: str) -> None:
    """Raises a ValueError if a key that the column must not have is set."""
    for key in keys:
        value = getattr(column, key)
        if value != getattr(Sparse, key):
            checks.fail(f"{KEY}.sparse: {column.name}: {key}", f"no value, because {reason}", value)
