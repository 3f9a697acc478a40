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

from engine import runtime

Arrays = dict[str, np.ndarray]

_PADDLE, _PYTHON, _NUMPY = "random.paddle", "random.python", "random.numpy"


def capture(metrics: list, seed: int, epoch: int) -> tuple[Arrays, bool]:
    """Returns the random generators' and the metrics' states.

    Args:
        metrics: the session's metrics.
        seed: ``runner.seed``.
        epoch: the epoch that the run is in.

    Returns:
        Arrays by name, and whether the epoch's first steps must be taken again to get to
        Paddle's state.
    """
    arrays = {
        _PYTHON: np.array(json.dumps(random.getstate())),
        _NUMPY: np.array(json.dumps(np.random.get_state(legacy=False), default=np.ndarray.tolist)),
    }
    for number, metric in enumerate(metrics):
        for name, value in _state_of(metric).items():
            arrays[f"metric.{number}.{name}"] = np.asarray(value)
    state = _generator().get_state()
    values = state.__getstate__()
    storable = len(values) == 4 and paddle.get_device() == "cpu"
    if storable:  # the last one is the engine's state as text, character by character
        numbers, engine = values[:3], "".join(map(chr, values[3]))
        arrays[_PADDLE] = np.array(json.dumps([*numbers, engine]))
        return arrays, False
    runtime.seed_everything(seed, epoch + 1)
    unused = paddle.get_device() == "cpu" and str(_generator().get_state()) == str(state)
    return arrays, not unused


def restore(arrays: Arrays, metrics: list) -> None:
    """Takes up what `capture` returned."""
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
        _set_state(metric, state)


def _generator() -> Any:
    return paddle.framework.core.default_cpu_generator()


def _state_of(metric: Any) -> dict[str, Any]:
    """Returns what a metric has counted: what it says itself, or else its attributes' numbers."""
    own = getattr(metric, "state_dict", None)
    if own:
        return own()
    return {name: value for name, value in vars(metric).items() if _numeric(value)}


def _numeric(value: Any) -> bool:
    kinds = (np.ndarray, list, int, float)
    return isinstance(value, kinds) and np.asarray(value).dtype.kind in "biuf"


def _set_state(metric: Any, state: Arrays) -> None:
    own = getattr(metric, "set_state_dict", None)
    if own:
        own(state)
        return
    for name, value in state.items():
        kind = type(getattr(metric, name))
        setattr(metric, name, value if kind is np.ndarray else kind(value.tolist()))
