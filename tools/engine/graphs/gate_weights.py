"""Averages the weights of a net's gates over batches."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Callable

import numpy as np


def mean_over_rows(
    weights: Callable[[Any], dict[str, np.ndarray] | None], batches: Iterable[tuple[Any, int]]
) -> dict[str, np.ndarray] | None:
    """Returns each task's mean weights over the experts, ``[experts]``; None without gates.

    Args:
        weights: returns the mean weights of a batch by task.
        batches: batches and their numbers of rows.
    """
    total, sums = 0, {}
    for batch, rows in batches:
        for task, mean in (weights(batch) or {}).items():
            sums[task] = sums.get(task, 0.0) + rows * mean
        total += rows
    return {task: values / total for task, values in sums.items()} or None
