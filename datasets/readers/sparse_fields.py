"""The sparse fields of a YAML: readers check their ids, models embed them.

They are declared here because models may import from ``datasets``, but not the other way round.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import Any

from datasets.readers import checks
from datasets.readers.fields import hashing

POOLINGS = ("sum", "mean", "max")  # of ids in any order
SEQUENCE_POOLINGS = ("last", "din", "attention", "gru")  # of ids in order
WEIGHTED_POOLINGS = ("sum", "mean")  # take a weight of each id
PER_TASK = "per_task"
KEY = "hyper_parameters.sparse_fields"
_FIRST_KEYS = ("name", "size", "max_len", "pooling", "share")
_LATER_KEYS = ("sequence", "target", "weighted", "tables", "hash_num", "hash_method")


@dataclasses.dataclass(frozen=True)
class SparseField:
    """A categorical feature with one id or several ids a row.

    Attributes:
        name: the field's name in errors and metadata.
        size: number of ids, including 0. The id 0 is out-of-vocabulary and padding.
        max_len: ids a row; shorter rows are padded with 0.
        pooling: how the embeddings of several ids are combined: a type, or a mapping of the type
            and its options. ``sum``, ``mean`` and ``max`` are over the ids that are not 0.
        share: the field whose embedding table is used; None for a table of its own.
        sequence: whether the ids are in an order that the pooling uses.
        target: the field that ``din`` compares the ids with; None for the one under ``share``.
        weighted: whether each id has a weight.
        tables: ``per_task`` for a table of each task; None for one.
        hash_num: ids that a value is hashed to; ``max_len`` counts all of them.
        hash_method: how these ids are computed; None if ``hash_num`` is 1. See `hashing`.
    """

    name: str
    size: int
    max_len: int = 1
    pooling: str | Mapping[str, Any] = "mean"
    share: str | None = None
    sequence: bool = False
    target: str | None = None
    weighted: bool = False
    tables: str | None = None
    hash_num: int = 1
    hash_method: str | None = None

    @property
    def values(self) -> int:
        """The values a row, each with ``hash_num`` ids."""
        return self.max_len // self.hash_num

    def meaning(self) -> dict[str, Any]:
        """Returns what a checkpoint records: keys of later versions only if they are set."""
        defaults = {each.name: each.default for each in dataclasses.fields(self)}
        values = dataclasses.asdict(self)
        return {
            name: value
            for name, value in values.items()
            if name in _FIRST_KEYS or value != defaults[name]
        }


def fields_of(config, largest: int | None = None) -> tuple[SparseField, ...]:
    """Returns the fields of ``hyper_parameters.sparse_fields``, in their order.

    Args:
        config: the flat configuration.
        largest: upper limit of ``size`` and ``max_len``; None for no limit.

    Raises:
        ValueError: an entry is malformed, two fields have the same name, or ``share`` names a
            field that cannot be shared.
    """
    entries = checks.list_of("fields", KEY, config.get(KEY))
    fields = tuple(_field(entry, largest) for entry in entries)
    checks.distinct(KEY, "field", [field.name for field in fields])
    owners = {field.name: field for field in fields if field.share is None}
    for field in fields:
        owner = owners.get(field.share)
        if field.share is not None and (owner is None or owner.size != field.size):
            expected = f"a field of size {field.size} that has no share of its own"
            checks.fail(f"{KEY}: {field.name}: share", expected, field.share)
        if owner is not None and owner.hash_num != field.hash_num:
            expected = f"{owner.hash_num}, as {field.share}, whose table it shares"
            checks.fail(f"{KEY}: {field.name}: hash_num", expected, field.hash_num)
        check_tables(f"{KEY}: {field.name}", field, owners)
    check_sequences(KEY, fields)
    return fields


def pooling_type(pooling: Any) -> Any:
    """Returns the type of ``pooling``: a text, or a mapping's ``type``."""
    return pooling.get("type") if isinstance(pooling, Mapping) else pooling


def check_sequences(key: str, fields: Sequence[Any]) -> None:
    """Checks ``pooling``, ``sequence``, ``target`` and ``weighted`` of fields or columns.

    Args:
        key: the list's key.
        fields: all entries of the list: `SparseField`, or the columns of a table.

    Raises:
        ValueError: a key is malformed, or contradicts another one.
    """
    lengths = {field.name: field.max_len for field in fields}
    for field in fields:
        place, kind = f"{key}: {field.name}", pooling_type(field.pooling)
        checks.choice(f"{place}: pooling", kind, (*POOLINGS, *SEQUENCE_POOLINGS))
        for name in ("sequence", "weighted"):
            value = getattr(field, name)
            if not isinstance(value, bool):
                checks.fail(f"{place}: {name}", "True or False", value)
            if value and field.max_len == 1:
                checks.fail(f"{place}: {name}", "False, because max_len is 1", value)
        if kind in SEQUENCE_POOLINGS and not field.sequence:
            expected = f"True, because the pooling {kind} needs the order of the ids"
            checks.fail(f"{place}: sequence", expected, field.sequence)
        if field.weighted and kind not in WEIGHTED_POOLINGS:
            expected = f"{' or '.join(WEIGHTED_POOLINGS)}, because the ids are weighted"
            checks.fail(f"{place}: pooling", expected, kind)
        if kind != "din":
            if field.target is not None:
                expected = f"no value, because the pooling is {kind}, not din"
                checks.fail(f"{place}: target", expected, field.target)
            continue
        target = field.target if field.target is not None else field.share
        if not isinstance(target, str) or lengths.get(target) != 1:
            single = ", ".join(name for name, length in lengths.items() if length == 1)
            expected = f"a field of one id, {single or 'of which there is none'}"
            hint = "din compares each id with it; without target it is the field under share"
            checks.fail(f"{place}: target", expected, target, hint)


def check_tables(place: str, field: Any, owners: Mapping[str, Any]) -> None:
    """Checks ``tables`` of a field, or of a table's column, that may share another one's ids."""
    if field.tables not in (None, PER_TASK):
        checks.fail(f"{place}: tables", PER_TASK, field.tables)
    if field.share in owners and field.tables != owners[field.share].tables:
        expected = f"the same as {field.share}, whose table it shares"
        checks.fail(f"{place}: tables", expected, field.tables)


def _hashed(field: SparseField) -> SparseField:
    """Returns a field of an entry, whose ``max_len`` counts values, with its number of ids.

    Raises:
        ValueError: ``hash_num`` or ``hash_method`` cannot be used.
    """
    place = f"{KEY}: {field.name}"
    hashing.check(place, field.hash_num, field.hash_method, field.pooling)
    if field.hash_num == 1:
        return field
    if field.sequence or field.weighted:
        key = "sequence" if field.sequence else "weighted"
        checks.fail(f"{place}: {key}", f"no value, because hash_num is {field.hash_num}", True)
    checks.integer(f"{place}: max_len", field.max_len, 1)
    method = field.hash_method or "double"
    if method == "quotient_remainder" and field.size % 2 == 0:
        expected = "an odd number: 0, and as many quotients as remainders"
        checks.fail(f"{place}: size", expected, field.size)
    pooling = field.pooling if field.max_len > 1 else "sum"
    max_len = field.max_len * field.hash_num
    return dataclasses.replace(field, max_len=max_len, pooling=pooling, hash_method=method)


def _field(entry: Any, largest: int | None) -> SparseField:
    checks.keys(KEY, entry, ("name", "size"), (*_FIRST_KEYS[2:], *_LATER_KEYS))
    field = _hashed(SparseField(**entry))
    if not isinstance(field.name, str):
        hint = "without quotation marks YAML reads 101 as a number"
        checks.fail(f"{KEY}: name", "a text in quotation marks", field.name, hint)
    place = f"{KEY}: {field.name}"
    checks.integer(f"{place}: size", field.size, 2, largest)
    checks.integer(f"{place}: max_len", field.max_len, 1, largest)
    if "share" in entry and not isinstance(field.share, str):
        checks.fail(f"{place}: share", "the name of a field", field.share)
    return field
