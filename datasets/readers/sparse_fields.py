"""The sparse fields of a YAML: readers check their ids, models embed them.

They are declared here because models may import from ``datasets``, but not the other way round.
"""

from __future__ import annotations

import dataclasses
from typing import Any

from datasets.readers import checks

POOLINGS = ("sum", "mean", "max")
_KEY = "hyper_parameters.sparse_fields"


@dataclasses.dataclass(frozen=True)
class SparseField:
    """A categorical feature with one id or several ids a row.

    Attributes:
        name: the field's name in errors and metadata.
        size: number of ids, including 0. The id 0 is out-of-vocabulary and padding.
        max_len: ids a row; shorter rows are padded with 0.
        pooling: how the embeddings of several ids are combined: ``sum``, ``mean`` or ``max`` over
            the ids that are not 0.
        share: the field whose embedding table is used; None for a table of its own.
    """

    name: str
    size: int
    max_len: int = 1
    pooling: str = "mean"
    share: str | None = None


def fields_of(config, largest: int | None = None) -> tuple[SparseField, ...]:
    """Returns the fields of ``hyper_parameters.sparse_fields``, in their order.

    Args:
        config: the flat configuration.
        largest: upper limit of ``size`` and ``max_len``; None for no limit.

    Raises:
        ValueError: an entry is malformed, two fields have the same name, or ``share`` names a
            field that cannot be shared.
    """
    entries = checks.list_of("fields", _KEY, config.get(_KEY))
    fields = tuple(_field(entry, largest) for entry in entries)
    checks.distinct(_KEY, "field", [field.name for field in fields])
    owners = {field.name: field for field in fields if field.share is None}
    for field in fields:
        owner = owners.get(field.share)
        if field.share is not None and (owner is None or owner.size != field.size):
            expected = f"a field of size {field.size} that has no share of its own"
            checks.fail(f"{_KEY}: {field.name}: share", expected, field.share)
    return fields


def _field(entry: Any, largest: int | None) -> SparseField:
    checks.keys(_KEY, entry, ("name", "size"), ("max_len", "pooling", "share"))
    field = SparseField(**entry)
    if not isinstance(field.name, str):
        hint = "without quotation marks YAML reads 101 as a number"
        checks.fail(f"{_KEY}: name", "a text in quotation marks", field.name, hint)
    place = f"{_KEY}: {field.name}"
    checks.integer(f"{place}: size", field.size, 2, largest)
    checks.integer(f"{place}: max_len", field.max_len, 1, largest)
    checks.choice(f"{place}: pooling", field.pooling, POOLINGS)
    if "share" in entry and not isinstance(field.share, str):
        checks.fail(f"{place}: share", "the name of a field", field.share)
    return field
