"""The entries of ``hyper_parameters.table.sparse``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from datasets.readers import checks
from datasets.readers.fields import hashing
from datasets.readers.sparse_fields import check_tables
from datasets.readers.table.column_types.block import KEY
from datasets.readers.table.column_types.derivations import Derived

OF_THE_MODEL = ("tables", "sequence", "target")  # keys that change no id
KEEPS = ("first", "last")
_MAX_ID = (1 << 31) - 2  # ids are stored as int32


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
        pooling: how the embeddings of a cell's values are combined: a type, or a mapping of the
            type and its options.
        share: the column whose ids and embedding table are used; None for its own.
        cross: the columns whose values are combined; None for a column of the files.
        tables: ``per_task`` for an embedding table of each task; None for one.
        hash_num: the ids that a hashed value has; see `datasets.readers.fields.hashing`.
        hash_method: how these ids are computed; None for ``double``.
        derived: how it is computed from a column of times; None for a column of the files.
        sequence: whether the values are in an order that the pooling uses.
        target: the column that DIN compares the values with; None for the one under ``share``.
        weighted: whether a value may have a weight, such as ``x:0.5``.
    """

    name: str
    min_count: int = 1
    hash_buckets: int | None = None
    separator: str | None = None
    max_len: int = 1
    keep: str | None = None
    pooling: str | Mapping[str, Any] = "mean"
    share: str | None = None
    cross: tuple[str, ...] | None = None
    tables: str | None = None
    hash_num: int = 1
    hash_method: str | None = None
    derived: Derived | None = None
    sequence: bool = False
    target: str | None = None
    weighted: bool = False

    @property
    def sources(self) -> tuple[str, ...]:
        """The columns of the files that its values come from."""
        return self.derived.sources if self.derived else self.cross or (self.name,)

    @property
    def meaning(self) -> dict[str, Any]:
        """The settings that determine ids, as JSON."""
        settings = {**asdict(self), "cross": self.cross and list(self.cross)}
        # Left out so that encodings from before these keys existed stay valid.
        for key in ("cross", "hash_method", "derived"):
            if settings[key] is None:
                del settings[key]
        if self.hash_num == 1:
            del settings["hash_num"]
        if self.keep in (None, "first"):
            del settings["keep"]
        if not self.weighted:
            del settings["weighted"]
        return {name: value for name, value in settings.items() if name not in OF_THE_MODEL}

    def check(self, owners: Mapping[str, Sparse], labels: Sequence[str]) -> None:
        """Raises a ValueError if a setting cannot be used.

        Args:
            owners: the sparse columns without ``share``, by name.
            labels: the columns of labels.
        """
        place = f"{KEY}.sparse: {self.name}"
        checks.integer(f"{place}: min_count", self.min_count, 1, _MAX_ID)
        checks.integer(f"{place}: max_len", self.max_len, 1, _MAX_ID)
        if self.hash_buckets is not None:
            checks.integer(f"{place}: hash_buckets", self.hash_buckets, 1, _MAX_ID)
            _check_unset(self, ("min_count",), "hash_buckets is set")
            hashing.check(place, self.hash_num, self.hash_method, self.pooling)
        elif self.share is None:
            _check_unset(self, ("hash_num", "hash_method"), "hash_buckets is not set")
        if self.keep is not None:
            checks.choice(f"{place}: keep", self.keep, KEEPS)
            if self.separator is None:
                _check_unset(self, ("keep",), "without a separator a cell is one value")
        if self.separator is None and self.max_len > 1:
            checks.fail(f"{place}: separator", f"a text, because max_len is {self.max_len}", None)
        if self.separator is not None and not (self.separator and isinstance(self.separator, str)):
            checks.fail(f"{place}: separator", "a text", self.separator)
        if self.derived is not None:
            _check_unset(self, ("separator", "cross", "share"), "derive is set")
            if self.derived.of in labels:
                checks.fail(place, "columns that are not labels", self.derived.of)
        if self.cross is not None:
            _check_cross(self, labels)
        if self.share is not None:
            if not isinstance(self.share, str) or self.share not in owners:
                checks.fail(f"{place}: share", "a sparse column without share", self.share)
            hashed = ("hash_buckets", "hash_num", "hash_method")
            _check_unset(self, ("min_count", *hashed), f"{self.share} has it")
            owner = owners[self.share]
            hashing.check(place, owner.hash_num, owner.hash_method, self.pooling)
        check_tables(place, self, owners)


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
