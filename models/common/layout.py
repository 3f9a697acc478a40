"""What the features of a row are: named parts, side by side, and groups of parts."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from datasets.readers import checks

GROUPS = "hyper_parameters.feature_groups"
DENSE = "dense"  # all dense columns
OTHERS = "others"  # the features behind the dense ones, without a name


@dataclass(frozen=True)
class Group:
    """Some parts of the features.

    Attributes:
        parts: the names of the parts, in the order of the features.
        stop_gradient: whether nets that read the group do not train its embeddings.
    """

    parts: tuple[str, ...]
    stop_gradient: bool = False


@dataclass(frozen=True)
class Layout:
    """The features of a row in order, as the inputs give them.

    Attributes:
        names: the name of each part: dense columns, then sparse fields. Without names of its
            columns, ``dense`` is the part of all dense numbers, and ``others`` are the features
            behind them. A column that is also a sparse field is called ``dense <name>``.
        sizes: the number of features of each part.
        fields: the sparse fields, the last of ``names``.
        embedding_size: the features of each field.
        dense: the names of the dense parts.
        groups: the groups of ``hyper_parameters.feature_groups``.
    """

    names: tuple[str, ...]
    sizes: tuple[int, ...]
    fields: tuple[str, ...] = ()
    embedding_size: int = 0
    dense: tuple[str, ...] = ()
    groups: Mapping[str, Group] = field(default_factory=dict)

    @property
    def size(self) -> int:
        """The number of features."""
        return sum(self.sizes)

    def columns(self, name: str) -> slice:
        """Returns the columns of a part in the features."""
        place = self.names.index(name)
        first = sum(self.sizes[:place])
        return slice(first, first + self.sizes[place])

    def group(self, name: str) -> Group:
        """Returns a group.

        Raises:
            ValueError: there is no such group.
        """
        if name not in self.groups:
            raise ValueError(
                f"{GROUPS}: expected a group {name}, which the net reads, found "
                f"{', '.join(self.groups) or 'none'}"
            )
        return self.groups[name]

    def group_sizes(self) -> GroupSizes:
        """Returns the number of features of each group."""
        return GroupSizes(self)

    def runs(self, parts: Iterable[str]) -> list[slice]:
        """Returns the columns of parts, those that touch each other joined."""
        runs: list[slice] = []
        for columns in (self.columns(name) for name in parts):
            if runs and runs[-1].stop == columns.start:
                runs[-1] = slice(runs[-1].start, columns.stop)
            else:
                runs.append(columns)
        return runs

    def record(self) -> dict[str, Any]:
        """Returns what checkpoints and exports say of the features."""
        parts = [{"name": name, "size": size} for name, size in zip(self.names, self.sizes)]
        groups = {
            name: {"fields": list(group.parts), "stop_gradient": group.stop_gradient}
            for name, group in self.groups.items()
        }
        return {"parts": parts, "groups": groups}


class GroupSizes(dict):
    """The number of features of each group; another name is a ValueError that lists them."""

    def __init__(self, layout: Layout):
        size_of = dict(zip(layout.names, layout.sizes))
        super().__init__(
            {name: sum(map(size_of.get, group.parts)) for name, group in layout.groups.items()}
        )
        self._layout = layout

    def __missing__(self, name: str):
        return self._layout.group(name)


def groups_of(entries: Any, names: Sequence[str], dense: Sequence[str]) -> dict[str, Group]:
    """Returns the groups of ``hyper_parameters.feature_groups``.

    Args:
        entries: the value of the key.
        names: the parts of the features.
        dense: those of them that ``dense`` stands for.

    Raises:
        ValueError: an entry is malformed, or names a feature that there is not.
    """
    if not entries:
        return {}
    if not isinstance(entries, Mapping):
        checks.fail(GROUPS, "a mapping from a group's name to a list of features", entries)
    groups = {}
    for name, entry in entries.items():
        place = f"{GROUPS}.{name}"
        settings = entry if isinstance(entry, Mapping) else {"fields": entry}
        checks.keys(place, settings, ("fields",), ("stop_gradient",))
        wanted = checks.texts(place, settings["fields"])
        if not wanted:
            checks.fail(place, "a list of features", settings["fields"])
        checks.distinct(place, "feature", wanted)
        for each in wanted:
            if each not in names and not (each == DENSE and dense):
                known = dict.fromkeys([*([DENSE] if dense else []), *names])
                checks.fail(place, f"features of {', '.join(known)}", each)
        stops = settings.get("stop_gradient", False)
        if not isinstance(stops, bool):
            checks.fail(f"{place}.stop_gradient", "True or False", stops)
        chosen = {*wanted, *(dense if DENSE in wanted else ())}
        groups[str(name)] = Group(tuple(each for each in names if each in chosen), stops)
    return groups
