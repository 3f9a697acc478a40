"""Saves and restores the state inside an epoch: random generators and counts of the metrics.

The states of Python's and NumPy's generators are saved, and Paddle's on the CPU under Paddle 3.
Elsewhere Paddle exposes only a part of its state. There a resumed run repeats the epoch's first
steps if they used random numbers, for example for dropout.
"""

from __future__ import annotations

import json
import random
from typing import Any

import numpy as np
import paddle

from engine.distributed import metric_counts
from engine.distributed.processes import World
from engine.system import process

Arrays = dict[str, np.ndarray]

_PADDLE, _PYTHON, _NUMPY = "random.paddle", "random.python", "random.numpy"


def capture(metrics: list, seed: int, epoch: int, rank: int = 0) -> tuple[Arrays, bool]:
    """Returns the states of the random generators and of the metrics.

    Args:
        metrics: the session's metrics.
        seed: ``runner.seed``.
        epoch: the current epoch.
        rank: the rank of this process.

    Returns:
        Arrays by name, and whether the epoch's first steps must be repeated to restore Paddle's
        state.
    """
    arrays = {
        _PYTHON: np.array(json.dumps(random.getstate())),
        _NUMPY: np.array(json.dumps(np.random.get_state(legacy=False), default=np.ndarray.tolist)),
    }
    for number, metric in enumerate(metrics):
        for name, value in metric_counts.get_state(metric).items():
            arrays[f"metric.{number}.{name}"] = np.asarray(value)
    state = _generator().get_state()
    values = state.__getstate__()
    storable = len(values) == 4 and paddle.get_device() == "cpu"
    if storable:  # the last value is the engine's state: a text as a list of characters' codes
        numbers, engine = values[:3], "".join(map(chr, values[3]))
        arrays[_PADDLE] = np.array(json.dumps([*numbers, engine]))
        return arrays, False
    process.seed_everything(seed, epoch + 1, rank)
    unused = paddle.get_device() == "cpu" and str(_generator().get_state()) == str(state)
    return arrays, not unused


def gather(world: World, metrics: list, arrays: Arrays, replay: bool) -> tuple[Arrays, bool]:
    """Joins the results of `capture` of all processes; the metrics' counts are summed.

    Args:
        world: the processes.
        metrics: this process's metrics.
        arrays: the arrays that `capture` returned in this process.
        replay: whether this process must repeat steps; also from `capture`.
    """
    if world.size == 1:
        return arrays, replay
    for number, state in enumerate(metric_counts.sum_over_ranks(world, metrics)):
        arrays.update({f"metric.{number}.{name}": value for name, value in state.items()})
    generators = {name: arrays[name] for name in (_PADDLE, _PYTHON, _NUMPY) if name in arrays}
    for rank, (states, rank_replays) in enumerate(world.all_gather((generators, replay))):
        replay = replay or rank_replays
        if rank:
            arrays.update({f"rank.{rank}.{name}": value for name, value in states.items()})
    return arrays, replay


def part_of_rank(world: World, arrays: Arrays, same: bool) -> Arrays:
    """Returns the part of the result of `gather` that this process restores.

    Args:
        world: the processes.
        arrays: the saved arrays.
        same: whether the number of processes is the same; if not, random states are left out.
    """
    prefix = f"rank.{world.rank}." if world.rank else ""
    part = {}
    if not world.rank:  # rank 0 continues with the summed counts, the others with none
        part = {name: array for name, array in arrays.items() if name.startswith("metric.")}
    for name in (_PADDLE, _PYTHON, _NUMPY) if same else ():
        if prefix + name in arrays:
            part[name] = arrays[prefix + name]
    return part


def restore(arrays: Arrays, metrics: list) -> None:
    """Restores random generators and metrics from the result of `capture`."""
    if _PYTHON in arrays:
        version, keys, gauss = json.loads(arrays[_PYTHON].item())
        random.setstate((version, tuple(keys), gauss))
        np.random.set_state(json.loads(arrays[_NUMPY].item()))
    if _PADDLE in arrays:
        *numbers, engine = json.loads(arrays[_PADDLE].item())
        kind = type(_generator().get_state())
        state = kind.__new__(kind)
        state.__setstate__((*numbers, [ord(character) for character in engine]))
        _generator().set_state(state)
    for metric in metrics:
        if hasattr(metric, "reset"):
            metric.reset()
    for number, metric in enumerate(metrics):
        prefix = f"metric.{number}."
        state = {name[len(prefix) :]: v for name, v in arrays.items() if name.startswith(prefix)}
        metric_counts.set_state(metric, state)


def _generator() -> Any:
    return paddle.framework.core.default_cpu_generator()
