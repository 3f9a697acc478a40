"""The counts inside metrics: read, restored, and summed over several processes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from paddle import metric as paddle_metrics

from engine.distributed.processes import World

# The attributes in which Paddle's own metrics count.
_COUNTS = {
    paddle_metrics.Auc: ("_stat_pos", "_stat_neg"),
    paddle_metrics.Precision: ("tp", "fp"),
    paddle_metrics.Recall: ("tp", "fn"),
    paddle_metrics.Accuracy: ("total", "count"),
}


def get_state(metric: Any) -> dict[str, Any]:
    """Returns a metric's counts: its ``state_dict()``, or else its numeric attributes."""
    state_dict = getattr(metric, "state_dict", None)
    if state_dict:
        return state_dict()
    return {name: value for name, value in vars(metric).items() if _is_numeric(value)}


def _is_numeric(value: Any) -> bool:
    if not isinstance(value, (np.ndarray, list, int, float)):
        return False
    try:
        return np.asarray(value).dtype.kind in "biuf"
    except ValueError:  # a list of lists of different lengths
        return False


def set_state(metric: Any, state: Mapping[str, np.ndarray]) -> None:
    """Restores what `get_state` returned, or a part of it."""
    set_state_dict = getattr(metric, "set_state_dict", None)
    if set_state_dict and state:
        set_state_dict(state)
        return
    for name, value in state.items():
        kind = type(getattr(metric, name))
        setattr(metric, name, value if kind is np.ndarray else kind(value.tolist()))


def unsupported_metrics(metrics: list, names: list[str]) -> str:
    """Returns a message about the metrics that cannot be summed; empty if all can."""
    named = dict(zip(names, metrics))
    unsupported = [
        f"{name} ({type(metric).__name__})"
        for name, metric in named.items()
        if not _is_summable(metric)
    ]
    if not unsupported:
        return ""
    return (
        f"runner.use_fleet: {', '.join(unsupported)}: cannot be summed over processes, so only "
        "the rows of rank 0 count; implement state_dict() and set_state_dict() with counts that "
        "can be summed"
    )


def values_over_ranks(world: World, metrics: list) -> list:
    """Returns the metrics' values over the rows of all processes; the metrics stay as they are."""
    local = [_counts(metric) for metric in metrics]
    for metric, state in zip(metrics, sum_over_ranks(world, metrics)):
        set_state(metric, state)
    values = [metric.accumulate() for metric in metrics]
    for metric, state in zip(metrics, local):
        set_state(metric, state)
    return values


def sum_over_ranks(world: World, metrics: list) -> list[dict[str, np.ndarray]]:
    """Returns the counts of all processes, by metric; empty for one that cannot be summed."""
    local = [_counts(metric) for metric in metrics]
    arrays = [array for state in local for array in state.values()]
    sums = iter(world.all_reduce(arrays) if arrays else [])
    return [{name: next(sums) for name in state} for state in local]


def _is_summable(metric: Any) -> bool:
    return type(metric) in _COUNTS or hasattr(metric, "state_dict")


def _counts(metric: Any) -> dict[str, np.ndarray]:
    """Returns copies of a metric's counts; empty if they cannot be summed."""
    if not _is_summable(metric):
        return {}
    state, names = get_state(metric), _COUNTS.get(type(metric))
    return {name: np.array(state[name]) for name in names or state}
