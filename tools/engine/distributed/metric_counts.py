"""What metrics have counted: read, taken up again, and added up over several processes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
from paddle import metric as paddles

from engine.distributed.processes import World

# What Paddle's own metrics count, by their attributes.
_COUNTS = {
    paddles.Auc: ("_stat_pos", "_stat_neg"),
    paddles.Precision: ("tp", "fp"),
    paddles.Recall: ("tp", "fn"),
    paddles.Accuracy: ("total", "count"),
}


def state_of(metric: Any) -> dict[str, Any]:
    """Returns what a metric has counted: what it says itself, or else its attributes' numbers."""
    own = getattr(metric, "state_dict", None)
    if own:
        return own()
    return {name: value for name, value in vars(metric).items() if _numeric(value)}


def _numeric(value: Any) -> bool:
    kinds = (np.ndarray, list, int, float)
    return isinstance(value, kinds) and np.asarray(value).dtype.kind in "biuf"


def set_state(metric: Any, state: Mapping[str, np.ndarray]) -> None:
    """Takes up what `state_of` returned, or a part of it."""
    own = getattr(metric, "set_state_dict", None)
    if own and state:
        own(state)
        return
    for name, value in state.items():
        kind = type(getattr(metric, name))
        setattr(metric, name, value if kind is np.ndarray else kind(value.tolist()))


def not_summable(metrics: list, names: list[str]) -> str:
    """Returns which metrics cannot be added up, in words; empty if all can."""
    named = dict(zip(names, metrics))
    lost = [f"{name} ({type(each).__name__})" for name, each in named.items() if not _adds(each)]
    if not lost:
        return ""
    return (
        f"runner.use_fleet: {', '.join(lost)}: what it counts is not known, so it counts the rows "
        "of rank 0 alone; state_dict() and set_state_dict() of counts that add up would tell"
    )


def values(world: World, metrics: list) -> list:
    """Returns the metrics' values over the rows of all processes."""
    own = [_counts(metric) for metric in metrics]
    for metric, state in zip(metrics, summed(world, metrics)):
        set_state(metric, state)
    found = [metric.accumulate() for metric in metrics]
    for metric, state in zip(metrics, own):
        set_state(metric, state)
    return found


def summed(world: World, metrics: list) -> list[dict[str, np.ndarray]]:
    """Returns what all processes have counted, for each of the metrics that can be added up."""
    own = [_counts(metric) for metric in metrics]
    arrays = [array for state in own for array in state.values()]
    sums = iter(world.all_reduce(arrays) if arrays else [])
    return [{name: next(sums) for name in state} for state in own]


def _adds(metric: Any) -> bool:
    return type(metric) in _COUNTS or hasattr(metric, "state_dict")


def _counts(metric: Any) -> dict[str, np.ndarray]:
    """Returns copies of what a metric counts; nothing of one that cannot be added up."""
    if not _adds(metric):
        return {}
    state, names = state_of(metric), _COUNTS.get(type(metric))
    return {name: np.array(state[name]) for name in names or state}
