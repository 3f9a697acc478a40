"""Where a checkpoint's parameters go in a net with larger vocabularies, more columns or tasks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from itertools import accumulate
from typing import Any, NamedTuple

import numpy as np

_TABLES = {  # embedding tables, and whether their fields have a table of each task
    "inputs.embedding.table.weight": False,
    "inputs.embedding.own_tables.weight": True,
}


class Block(NamedTuple):
    """Consecutive places of an axis that belong together, such as the ids of a field.

    Attributes:
        start: the first place in the net.
        size: the number of places there.
        old_start: the first place in the checkpoint.
        old_size: the number of places there; 0 for a block that the checkpoint lacks. The block
            begins with these places.
        reset: those of the old places that start afresh, counted from ``old_start``.
    """

    start: int
    size: int
    old_start: int = 0
    old_size: int = 0
    reset: Sequence[int] = ()


class Move(NamedTuple):
    """How the values of a checkpoint's parameter become those of the net's.

    Attributes:
        axes: the blocks of each axis whose places move.
        is_table: whether axis 0 is the ids of an embedding table.
    """

    axes: Mapping[int, Sequence[Block]]
    is_table: bool = False


def moves(
    net: Any,
    recorded: Mapping[str, Any],
    record: Mapping[str, Any],
    shapes: Mapping[str, tuple],
    reset: Mapping[str, np.ndarray],
) -> dict[str, Move]:
    """Returns how a checkpoint's parameters move, by name; parameters that do not are left out.

    An axis of the features has the place of each feature, and the first axis of a parameter that
    is stacked by task the place of each task. Tasks and columns of the checkpoint come first.

    Args:
        net: the net.
        recorded: the record of the checkpoint's model.
        record: that of the net's.
        shapes: the shapes of the checkpoint's parameters.
        reset: the ids that start afresh, by field.
    """
    old, new = (each.get("hyper_parameters", {}) for each in (recorded, record))
    found: dict[str, Move] = {}
    known = [_features(recorded, record), _dense(old, new), _tasks(recorded, record)]
    tasks = [len(each.get("tasks", ())) for each in (recorded, record)]
    if net.appends_tasks and tasks[0] < tasks[1] and _only_tasks_differ(old, new):
        known.append((_grows, None))
    for name, value in net.state_dict().items():
        before, after = shapes.get(name), tuple(value.shape)
        if name in _TABLES and before and before[1:] == after[1:]:
            fields = (each.get("sparse_fields", ()) for each in (old, new))
            found[name] = Move({0: _ids(*fields, _TABLES[name], reset)}, is_table=True)
        elif before and before != after and len(before) == len(after):
            axes = {
                axis: next(
                    (
                        b or [Block(0, sizes[1], 0, sizes[0])]
                        for fits, b in known
                        if fits(name, axis, *sizes)
                    ),
                    None,
                )
                for axis, sizes in enumerate(zip(before, after))
                if sizes[0] != sizes[1]
            }
            if None not in axes.values():
                found[name] = Move(axes)
    return found


def _ids(
    old: Sequence[Mapping[str, Any]],
    new: Sequence[Mapping[str, Any]],
    per_task: bool,
    reset: Mapping[str, np.ndarray],
) -> list[Block]:
    """Returns the rows of each field that has some."""
    before, after = (
        _places(
            {
                field["name"]: field["size"]
                for field in fields
                if field.get("share") is None and ("tables" in field) == per_task
            }
        )
        for fields in (old, new)
    )
    return [
        Block(start, size, *before.get(name, (0, 0)), reset.get(name, ()))
        for name, (start, size) in after.items()
    ]


def _places(sizes: Mapping[str, int]) -> dict[str, tuple[int, int]]:
    """Returns the first place and the size of each of several parts that stand side by side."""
    starts = accumulate(sizes.values(), initial=0)
    return {name: (start, size) for (name, size), start in zip(sizes.items(), starts)}


def _features(recorded: Mapping[str, Any], record: Mapping[str, Any]) -> tuple:
    """Returns which axes are the features, and their blocks."""
    parts = [_parts(each.get("features") or {"parts": ()}) for each in (recorded, record)]
    sizes, (before, after) = tuple(sum(each.values()) for each in parts), map(_places, parts)
    blocks = [Block(*place, *before.get(name, (0, 0))) for name, place in after.items()]
    same = all(parts[1].get(name) == size for name, size in parts[0].items())
    return lambda name, axis, *found: same and found == sizes, blocks


def _parts(features: Mapping[str, Any]) -> dict[tuple[str, int], int]:
    """Returns the sizes of the parts by name; a column may be a number and a category."""
    found: dict[tuple[str, int], int] = {}
    for part in features["parts"]:
        name = part["name"]
        found[name, (name, 0) in found] = part["size"]
    return found


def _dense(old: Mapping[str, Any], new: Mapping[str, Any]) -> tuple:
    """Returns which axes are the dense columns, and their blocks."""
    sizes = (old.get("dense_input_dim", 0), new.get("dense_input_dim", 0))
    blocks = [Block(0, sizes[1], 0, sizes[0])]
    return lambda name, axis, *found: found == sizes and name.startswith("inputs."), blocks


def _tasks(recorded: Mapping[str, Any], record: Mapping[str, Any]) -> tuple:
    """Returns which axes are the tasks, and their blocks."""
    sizes = (len(recorded.get("tasks", ())), len(record.get("tasks", ())))
    blocks = [Block(0, sizes[1], 0, sizes[0])]
    return lambda name, axis, *found: axis == 0 and found == sizes, blocks


def _only_tasks_differ(old: Mapping[str, Any], new: Mapping[str, Any]) -> bool:
    """Returns whether a net's own hyper-parameters are the same but for the number of tasks."""
    keys = ({*old} | {*new}) - {"sparse_fields", "dense_input_dim", "task_num", "gate_num"}
    return all(old.get(key) == new.get(key) for key in keys)


def _grows(name: str, axis: int, before: int, after: int) -> bool:
    return before < after
