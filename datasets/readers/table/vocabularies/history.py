"""How often and when the values of vocabularies occurred, so that vocabularies can be extended."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True)
class History:
    """Counts over a training and its extensions.

    Attributes:
        number: extensions since the first training.
        extends: the hash of the encoding that the last of them extended; None for a first training.
        counts: training rows of each value of a vocabulary so far, by column.
        seen: the number of the last extension whose files have the value, by column.
        waiting: the values without an id, as ``[count, seen]`` by text, by column.
        eviction: the settings of the last extension, so that it is not repeated with others.
    """

    number: int = 0
    extends: str | None = None
    counts: Mapping[str, Sequence[int]] = field(default_factory=dict)
    seen: Mapping[str, Sequence[int]] = field(default_factory=dict)
    waiting: Mapping[str, Mapping[str, Sequence[int]]] = field(default_factory=dict)
    eviction: Sequence = (None, None)

    @property
    def content(self) -> dict[str, Any]:
        """The history in JSON's types."""
        return {**vars(self), "eviction": list(self.eviction)}  # asdict would copy every number


def of_content(content: Any, vocabularies: Mapping[str, Sequence[str]]) -> History | None:
    """Returns the history in a vocabulary's file; None if it has none.

    Raises:
        TypeError: it is no history of these vocabularies.
    """
    if content is None:
        return None
    history = History(**content)
    for name, values in vocabularies.items():
        for numbers in (history.counts[name], history.seen[name]):
            if len(numbers) != len(values) or not all(type(number) is int for number in numbers):
                raise TypeError(f"history: {name}: expected an integer for each value")
        if not all(len(entry) == 2 for entry in history.waiting[name].values()):
            raise TypeError(f"history: {name}: expected the count and the extension of each value")
    return history
