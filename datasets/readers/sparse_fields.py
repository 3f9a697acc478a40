"""The sparse fields of a row, as a YAML names them: readers check ids, models embed them.

They are declared here, not beside the models, because models may import from ``datasets`` and
never the other way round.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

POOLINGS = ("sum", "mean", "max")
_KEY = "hyper_parameters.sparse_fields"


@dataclasses.dataclass(frozen=True)
class SparseField:
    """A categorical feature: one id a row, or several.

    Attributes:
        name: what errors and metadata call it.
        size: number of ids, 0 included; 0 stands for unknown, and for padding.
        max_len: ids a row; fewer are padded with 0.
        pooling: how the embeddings of several ids become one: ``sum``, ``mean`` or ``max`` over
            those that are not 0.
        share: the field whose embeddings it uses; None for its own.
    """

    name: str
    size: int
    max_len: int = 1
    pooling: str = "mean"
    share: str | None = None


_KEYS = {field.name for field in dataclasses.fields(SparseField)}


def fields_of(config) -> tuple[SparseField, ...]:
    """Returns the fields under ``hyper_parameters.sparse_fields``, in their order.

    Raises:
        ValueError: an entry is malformed, two have one name, or one shares what it cannot.
    """
    entries = config.get(_KEY)
    if entries is None:
        return ()
    if not isinstance(entries, (list, tuple)):
        raise ValueError(f"{_KEY}: expected a list of fields, found {entries!r}")
    fields = tuple(_field(entry) for entry in entries)
    by_name = {field.name: field for field in fields}
    if len(by_name) != len(fields):
        names = [field.name for field in fields]
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"{_KEY}: two fields are called {twice}")
    for field in fields:
        if field.share is None:
            continue
        other = by_name.get(field.share)
        if other is None or other.share or other.size != field.size:
            raise ValueError(
                f"{_KEY}: {field.name}: share: expected the name of a field of the same size with "
                f"embeddings of its own, found {field.share!r}"
            )
    return fields


def _field(entry) -> SparseField:
    keys = set(entry) if isinstance(entry, Mapping) else set()
    if not {"name", "size"} <= keys <= _KEYS:
        raise ValueError(
            f"{_KEY}: expected fields of a name, a size and, if need be, a max_len, a pooling and "
            f"a share, found {entry!r}"
        )
    name = entry["name"]
    if not isinstance(name, str):
        raise ValueError(
            f"{_KEY}: expected a name in quotation marks, found {name!r} (without them YAML reads "
            "101 and 109_14 as numbers)"
        )
    field = SparseField(**entry)
    for key, least in (("size", 2), ("max_len", 1)):
        value = getattr(field, key)
        if type(value) is not int or value < least:
            raise ValueError(
                f"{_KEY}: {name}: {key}: expected an integer of at least {least}, found {value!r}"
            )
    if field.pooling not in POOLINGS:
        raise ValueError(
            f"{_KEY}: {name}: pooling: expected {', '.join(POOLINGS[:-1])} or {POOLINGS[-1]}, "
            f"found {field.pooling!r}"
        )
    if "share" in entry and not isinstance(field.share, str):
        raise ValueError(
            f"{_KEY}: {name}: share: expected the name of a field, found {field.share!r}"
        )
    return field
