"""The sparse fields of a model's input, as its YAML names them."""

from __future__ import annotations

from dataclasses import dataclass

POOLINGS = ("sum", "mean", "max")
_KINDS = {"name": str, "size": int, "max_len": int, "pooling": str, "share": str}


@dataclass(frozen=True)
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


def fields_of(config) -> tuple[SparseField, ...]:
    """Returns the fields under ``hyper_parameters.sparse_fields``, in their order.

    Raises:
        ValueError: an entry is malformed, or two have one name.
    """
    entries = config.get("hyper_parameters.sparse_fields") or ()
    if not isinstance(entries, (list, tuple)):
        raise ValueError(
            f"hyper_parameters.sparse_fields: expected a list of fields, found {entries!r}"
        )
    fields = tuple(_field(entry) for entry in entries)
    names = [field.name for field in fields]
    if len(set(names)) != len(names):
        twice = next(name for name in names if names.count(name) > 1)
        raise ValueError(f"hyper_parameters.sparse_fields: two fields are called {twice}")
    by_name = dict(zip(names, fields))
    for field in fields:
        if field.share is None:
            continue
        other = by_name.get(field.share)
        if other is None or other.share or other.size != field.size:
            raise ValueError(
                f"hyper_parameters.sparse_fields: {field.name}: share: expected the name of a "
                f"field of the same size with embeddings of its own, found {field.share!r}"
            )
    return fields


def _field(entry) -> SparseField:
    keys = set(entry) if isinstance(entry, dict) else set()
    if not {"name", "size"} <= keys <= _KINDS.keys() or not all(
        type(value) is _KINDS[key] for key, value in entry.items()
    ):
        raise ValueError(
            "hyper_parameters.sparse_fields: expected entries of name (text), size (integer) and, "
            f"if need be, max_len (integer), pooling and share (texts), found {entry!r}"
        )
    field = SparseField(**entry)
    if field.size < 2 or field.max_len < 1 or field.pooling not in POOLINGS:
        raise ValueError(
            f"hyper_parameters.sparse_fields: {field.name}: expected a size of at least 2, a "
            f"max_len of at least 1 and a pooling of {', '.join(POOLINGS)}, found {entry!r}"
        )
    return field
