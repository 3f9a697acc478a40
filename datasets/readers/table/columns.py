"""The block ``hyper_parameters.table`` of a YAML: the columns of a table and their types."""

from __future__ import annotations

import codecs
import re
from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from typing import Any

from datasets.readers import checks
from datasets.readers.rates.declaration import Rates, rates_of
from datasets.readers.sparse_fields import check_sequences
from datasets.readers.table.column_types.block import KEY
from datasets.readers.table.column_types.dense import Dense
from datasets.readers.table.column_types.derivations import (
    CATEGORIES,
    NUMBERS,
    expanded,
    keys_of,
)
from datasets.readers.table.column_types.sparse import Sparse

MISSING = ("NA", "N/A", "NaN", "nan", "NULL", "null", "None", r"\N")  # besides empty cells
UTF8 = "utf-8"
CELL_RULES = 2  # of a new training


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
        rates: the rates that follow the columns of numbers; None without any.
    """

    labels: tuple[str, ...]
    dense: tuple[Dense, ...]
    sparse: tuple[Sparse, ...]
    missing: tuple[str, ...] | None = None
    delimiter: str | None = None
    column_names: tuple[str, ...] | None = None
    encoding: str = UTF8
    cell_rules: int | None = None
    rates: Rates | None = None

    @property
    def features(self) -> list[str]:
        """The columns of features, each once: a column may be both dense and sparse."""
        categories = [name for column in self.sparse for name in column.sources]
        rates = self.rates.columns if self.rates else ()
        numbers = [name for column in self.dense for name in column.sources]
        return list(dict.fromkeys([*numbers, *categories, *rates]))

    @property
    def dense_names(self) -> list[str]:
        """The names of the dense numbers: columns, then rates."""
        return [*(column.name for column in self.dense), *(self.rates.names if self.rates else ())]

    @property
    def dense_sizes(self) -> list[int]:
        """How many numbers each of `dense_names` stands for: several of a vector."""
        rates = len(self.rates.names) if self.rates else 0
        return [*(column.width for column in self.dense), *[1] * rates]

    @property
    def meaning(self) -> dict[str, Any]:
        """The settings that determine numbers and ids, as JSON; not the form of the files."""
        meaning = {
            "labels": list(self.labels),
            "dense": [column.meaning for column in self.dense],
            "sparse": [column.meaning for column in self.sparse],
            "missing": list(self.missing or ()),
            **({"rates": self.rates.meaning} if self.rates else {}),
        }
        if self.cell_rules == 1:  # so that encodings from before the second rules stay valid
            return meaning
        return {**meaning, "cell_rules": self.cell_rules}

    def for_training(self) -> Table:
        """Returns the table of a new training: settings that are not set have their defaults."""
        return self._completed(MISSING, CELL_RULES, dict.fromkeys(self._names_of_lists(), "last"))

    def as_trained(self, meaning: Mapping[str, Any]) -> Table:
        """Returns the table with settings that are not set taken from a saved `meaning`."""
        keep = dict.fromkeys(self._names_of_lists(), "last")
        keep.update({entry["name"]: entry.get("keep", "first") for entry in meaning["sparse"]})
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
    table = replace(table, rates=rates_of(f"{KEY}.rates", block["rates"], labels, table.dense))
    if not (table.dense or table.sparse or table.rates):
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
        column.check(labels)
    owners = {column.name: column for column in table.sparse if column.share is None}
    for column in table.sparse:
        column.check(owners, labels)
    check_sequences(f"{KEY}.sparse", table.sparse)
    return table


def _columns(kind: type, key: str, entries: Any) -> list:
    """Returns the columns of a list whose entries are names or mappings."""
    place = f"{KEY}.{key}"
    what = NUMBERS if kind is Dense else CATEGORIES
    own = [field.name for field in fields(kind)[1:] if field.name != "derived"]
    optional = [*own, *keys_of(what)]
    columns = []
    for entry in checks.list_of("columns", place, entries):
        settings = {"name": entry} if isinstance(entry, str) else entry
        if not isinstance(settings, Mapping) or not isinstance(settings.get("name"), str):
            checks.fail(place, "a column's name as text, or a mapping with its name", entry)
        settings = dict(checks.keys(place, settings, ("name",), optional))
        if isinstance(settings.get("cross"), list):
            settings["cross"] = tuple(settings["cross"])
        columns += [kind(**each) for each in expanded(place, settings, what)]
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
