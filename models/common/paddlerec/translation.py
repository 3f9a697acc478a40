"""Parameters under the names that PaddleRec's share_bottom, mmoe and ple give them.

There every expert, gate and tower is a linear layer of its own, and nothing scales the inputs.
A net here that has the same layers says in ``paddlerec_places`` where each of them is.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import NamedTuple

import numpy as np

Arrays = Mapping[str, np.ndarray]

_SCALE = "inputs.scale."


class Place(NamedTuple):
    """Where one of PaddleRec's parameters is.

    Attributes:
        theirs: its name there, as a dygraph checkpoint has it: ``tower_0.weight``.
        ours: the name of the parameter here that holds it.
        index: which part of that.
    """

    theirs: str
    ours: str
    index: tuple


def columns(theirs: str, ours: str, start: int, size: int) -> list[Place]:
    """Returns where a linear layer is whose outputs are some columns of one here."""
    part = slice(start, start + size)
    return [
        Place(f"{theirs}.weight", f"{ours}.weight", (slice(None), part)),
        Place(f"{theirs}.bias", f"{ours}.bias", (part,)),
    ]


def towers(task_num: int) -> list[Place]:
    """Returns where the towers' two layers are."""
    layers = (("tower", "towers.hidden.layers.0"), ("tower_out", "towers.output"))
    return [
        place
        for name, ours in layers
        for task in range(task_num)
        for place in (
            Place(f"{name}_{task}.weight", f"{ours}.weight", (task,)),
            Place(f"{name}_{task}.bias", f"{ours}.bias", (task, 0)),
        )
    ]


def experts_and_gates(
    ours: str, experts: Sequence[str], gates: Sequence[str], expert_size: int, gate_size: int
) -> list[Place]:
    """Returns where experts and gates are whose first layers are columns of one here.

    Args:
        ours: that layer's name.
        experts: the experts' names there, in the order of the columns.
        gates: the gates' names there, likewise.
        expert_size: outputs of an expert.
        gate_size: experts that a gate chooses from.
    """
    sizes = [expert_size] * len(experts) + [gate_size] * len(gates)
    starts = np.cumsum([0, *sizes]).tolist()
    named = zip([*experts, *gates], starts, sizes)
    return [place for name, *part in named for place in columns(name, ours, *part)]


def check_depth(**layers: int) -> None:
    """Makes sure that a net has PaddleRec's depth.

    Args:
        layers: numbers of layers here, by hyper-parameter, where PaddleRec's net has one.

    Raises:
        ValueError: it has another.
    """
    for name, number in layers.items():
        if number != 1:
            raise ValueError(f"PaddleRec's net has one layer for {name}, this one has {number}")


def static_name(name: str) -> str:
    """Returns the variable's name in a static checkpoint: ``tower_0.w_0`` of ``tower_0.weight``."""
    *_, layer, kind = name.split(".")
    return f"{layer}.{kind[0]}_0"


def is_paddlerecs(names: Iterable[str]) -> bool:
    """Whether parameters have PaddleRec's names, of a dygraph or of a static checkpoint."""
    return not {"tower_0.weight", "tower_0.w_0"}.isdisjoint(names)


def from_paddlerec(net, theirs: Arrays) -> dict[str, np.ndarray]:
    """Returns the parameters with which a net computes what PaddleRec's does with its own.

    Inputs are not scaled there, so where the net standardises them, its statistics become those
    that change nothing.

    Raises:
        ValueError: the parameters are not those of such a net.
    """
    shapes = {name: tuple(value.shape) for name, value in net.state_dict().items()}
    static = "tower_0.w_0" in theirs
    ours = {}
    for place in _places(net):
        name = static_name(place.theirs) if static else place.theirs
        if name not in theirs:
            raise ValueError(f"it has no parameter {name} (of PaddleRec's names)")
        whole = ours.setdefault(place.ours, np.zeros(shapes[place.ours], np.float32))
        if whole[place.index].shape != theirs[name].shape:
            raise ValueError(
                f"{name} has shape {theirs[name].shape} there, {whole[place.index].shape} here"
            )
        whole[place.index] = theirs[name]
    for name, value in (("mean", 0.0), ("deviation", 1.0), ("logarithmic", 0.0)):
        if _SCALE + name in shapes:
            ours[_SCALE + name] = np.full(shapes[_SCALE + name], value, np.float32)
    return ours


def to_paddlerec(net, ours: Arrays, static: bool = False) -> dict[str, np.ndarray]:
    """Returns the parameters with which PaddleRec's net computes what a net does with its own.

    What brings the inputs to one scale is folded into the first layer.

    Raises:
        ValueError: PaddleRec's net cannot compute that.
    """
    ours = _folded(net, ours)
    theirs: dict[str, np.ndarray] = {}
    for place in _places(net):
        value = np.ascontiguousarray(ours[place.ours][place.index])
        other = theirs.setdefault(place.theirs, value)
        if (other != value).any():
            raise ValueError(
                f"{place.theirs} serves two tasks in PaddleRec's PLE (it takes expert "
                "i * task_num + j for task i), here each has its own: only "
                "exp_per_task = task_num can be written"
            )
    for place in getattr(net, "paddlerec_unread", list)():
        theirs.setdefault(place.theirs, np.ascontiguousarray(ours[place.ours][place.index]))
    return {static_name(name) if static else name: value for name, value in theirs.items()}


def _places(net) -> list[Place]:
    if getattr(net.inputs, "embedding", None) is not None:
        raise ValueError("PaddleRec's net has no embeddings, this one has sparse_fields")
    if _SCALE + "low" in net.state_dict():
        raise ValueError("PaddleRec's net has no bins, this one has dense_bins")
    return net.paddlerec_places()


def _folded(net, ours: Arrays) -> dict[str, np.ndarray]:
    ours = {name: np.array(value) for name, value in ours.items()}
    if _SCALE + "mean" not in ours:
        return ours
    mean, deviation, logarithmic = (
        ours[_SCALE + name].astype(np.float64) for name in ("mean", "deviation", "logarithmic")
    )
    if logarithmic.any():
        column = int(np.flatnonzero(logarithmic)[0])
        raise ValueError(
            f"standardize takes log1p of feature {column}, which PaddleRec's net cannot: train "
            "with hyper_parameters.standardize = False"
        )
    dense = len(mean)
    for first in net.paddlerec_first:
        weight = ours[first].astype(np.float64)
        bias = first[: -len("weight")] + "bias"
        weight[:dense] /= deviation[:, None]
        ours[bias] = (ours[bias] - mean @ weight[:dense]).astype(np.float32)
        ours[first] = weight.astype(np.float32)
    return ours
