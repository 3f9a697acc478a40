"""How far a run is inside an epoch: what a checkpoint there holds beside the parameters.

Random numbers go on where they were: Python's, NumPy's and, on the CPU under Paddle 3, Paddle's.
Elsewhere Paddle gives its generator's state away only in part; there a resumed run that needs
random numbers, for dropout say, takes the epoch's first steps again to draw them.
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
    """Returns the random generators' and the metrics' states.

    Args:
        metrics: the session's metrics.
        seed: ``runner.seed``.
        epoch: the epoch that the run is in.
        rank: of this process.

    Returns:
        Arrays by name, and whether the epoch's first steps must be taken again to get to
        Paddle's state.
    """
    arrays = {
        _PYTHON: np.array(json.dumps(random.getstate())),
        _NUMPY: np.array(json.dumps(np.random.get_state(legacy=False), default=np.ndarray.tolist)),
    }
    for number, metric in enumerate(metrics):
        for name, value in metric_counts.state_of(metric).items():
            arrays[f"metric.{number}.{name}"] = np.asarray(value)
    state = _generator().get_state()
    values = state.__getstate__()
    storable = len(values) == 4 and paddle.get_device() == "cpu"
    if storable:  # the last one is the engine's state as text, character by character
        numbers, engine = values[:3], "".join(map(chr, values[3]))
        arrays[_PADDLE] = np.array(json.dumps([*numbers, engine]))
        return arrays, False
    process.seed_everything(seed, epoch + 1, rank)
    unused = paddle.get_device() == "cpu" and str(_generator().get_state()) == str(state)
    return arrays, not unused


def of_all_processes(
    world: World, metrics: list, arrays: Arrays, replay: bool
) -> tuple[Arrays, bool]:
    """Returns what `capture` returned in all processes, as one: counts are added up.

    Args:
        world: the processes.
        metrics: this one's metrics.
        arrays: what it captured.
        replay: the same.
    """
    if world.size == 1:
        return arrays, replay
    for number, state in enumerate(metric_counts.summed(world, metrics)):
        arrays.update({f"metric.{number}.{name}": value for name, value in state.items()})
    own = {name: arrays[name] for name in (_PADDLE, _PYTHON, _NUMPY) if name in arrays}
    for rank, (theirs, replays) in enumerate(world.all_gather((own, replay))):
        replay = replay or replays
        if rank:
            arrays.update({f"rank.{rank}.{name}": value for name, value in theirs.items()})
    return arrays, replay


def own_part(world: World, arrays: Arrays, same: bool) -> Arrays:
    """Returns what a process takes up of what `of_all_processes` returned.

    Args:
        world: the processes.
        arrays: what was saved.
        same: whether as many processes saved it; random numbers go on only then.
    """
    prefix = f"rank.{world.rank}." if world.rank else ""
    kept = {name: array for name, array in arrays.items() if name.startswith("metric.")}
    kept = {} if world.rank else kept  # what all have counted goes on in one of them
    for name in (_PADDLE, _PYTHON, _NUMPY) if same else ():
        if prefix + name in arrays:
            kept[name] = arrays[prefix + name]
    return kept


def restore(arrays: Arrays, metrics: list) -> None:
    """Takes up what `capture` returned."""
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
