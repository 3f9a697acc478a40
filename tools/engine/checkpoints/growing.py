"""Moves the values of saved arrays into larger ones: tables with more ids, nets with more tasks.

A move is what a model's hook ``moves`` returns: for each axis the blocks of places that belong
together, with ``start``, ``size``, ``old_start``, ``old_size`` and ``reset``.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np


def moved(old: np.ndarray, new: np.ndarray, move: Any) -> np.ndarray:
    """Copies the values that stay into ``new`` and returns it.

    Args:
        old: the saved array.
        new: an array with the values of the places that start afresh; it is changed.
        move: how places move.
    """
    if list(move.axes) == [0]:  # by slices: a table may fill half of the memory
        for block in move.axes[0]:
            if block.old_size:
                places = block.start + np.asarray(block.reset, np.int64)
                fresh = new[places]
                last = block.old_start + block.old_size
                new[block.start : block.start + block.old_size] = old[block.old_start : last]
                new[places] = fresh
        return new
    targets, sources = [], []
    for axis, size in enumerate(new.shape):
        target, source = _places(move.axes[axis]) if axis in move.axes else [np.arange(size)] * 2
        targets.append(target)
        sources.append(source)
    new[np.ix_(*targets)] = old[np.ix_(*sources)]
    return new


def _places(blocks: Sequence[Any]) -> tuple[np.ndarray, np.ndarray]:
    """Returns the places of an axis that stay: in the new array, and in the old one."""
    pairs = []
    for block in blocks:
        kept = np.setdiff1d(np.arange(block.old_size), np.asarray(block.reset, np.int64))
        pairs.append((block.start + kept, block.old_start + kept))
    targets, sources = (np.concatenate(each) for each in zip(*pairs))
    return targets, sources


def fill_rows(table: np.ndarray, move: Any, rows: str) -> None:
    """Gives the new rows of a table their first values.

    Args:
        table: the table after `moved`; it is changed.
        move: how its rows moved.
        rows: ``runner.new_rows``. With ``random`` the rows stay as they are.
    """
    for block in move.axes[0]:
        end, kept = block.start + block.size, block.start + block.old_size
        reset = block.start + np.asarray(block.reset, np.int64)
        if rows == "random" or (kept == end and not len(reset)):
            continue
        value: Any = 0.0
        # The first row of a field is that of unknown values, which training may never change.
        if rows == "mean" and block.old_size - 1 > len(reset):
            old = table[block.start + 1 : kept]
            total = old.sum(axis=0, dtype=np.float64)
            total -= table[reset].sum(axis=0, dtype=np.float64)
            value = total / (len(old) - len(reset))
        table[kept:end] = value
        table[reset] = value
