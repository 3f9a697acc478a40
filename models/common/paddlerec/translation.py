"""Translates parameters between PaddleRec's names and those of a net here.

In PaddleRec every expert, gate and tower is a linear layer of its own, and nothing scales the
inputs. The modules beside this one say for each net where PaddleRec's layers are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any, NamedTuple

import numpy as np

Arrays = Mapping[str, np.ndarray]

_SCALE = "inputs.scale."


class Place(NamedTuple):
    """The place of one of PaddleRec's parameters.

    Attributes:
        theirs: its name in a dygraph checkpoint of PaddleRec, such as ``tower_0.weight``.
        ours: the name of the parameter here that holds it.
        index: the part of that parameter.
    """

    theirs: str
    ours: str
    index: tuple


class Names(NamedTuple):
    """PaddleRec's names of a net's parameters.

    Attributes:
        places: returns the places of the parameters that PaddleRec's net uses, given a net.
        first_layers: the names here of the layers that read the inputs: ``<name>.weight``.
        unused: returns the places of parameters that PaddleRec's net has and never uses.
    """

    places: Callable[[Any], list[Place]]
    first_layers: Sequence[str]
    unused: Callable[[Any], list[Place]] = lambda net: []


def columns(theirs: str, ours: str, start: int, size: int) -> list[Place]:
    """Returns the places of a linear layer whose outputs are some columns of a layer here."""
    part = slice(start, start + size)
    return [
        Place(f"{theirs}.weight", f"{ours}.weight", (slice(None), part)),
        Place(f"{theirs}.bias", f"{ours}.bias", (part,)),
    ]


def towers(task_num: int) -> list[Place]:
    """Returns the places of the towers' two layers."""
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
    """Returns the places of experts and gates whose first layers are columns of a layer here.

    Args:
        ours: that layer's name.
        experts: PaddleRec's names of the experts, in the order of the columns.
        gates: PaddleRec's names of the gates, likewise.
        expert_size: outputs of an expert.
        gate_size: experts that a gate chooses from.
    """
    sizes = [expert_size] * len(experts) + [gate_size] * len(gates)
    starts = np.cumsum([0, *sizes]).tolist()
    named = zip([*experts, *gates], starts, sizes)
    return [place for name, *part in named for place in columns(name, ours, *part)]


def check_depth(**layers: int) -> None:
    """Checks that a net has the depth of PaddleRec's.

    Args:
        layers: numbers of layers here, by hyper-parameter; PaddleRec's net has one of each.

    Raises:
        ValueError: a number is not 1.
    """
    for name, number in layers.items():
        if number != 1:
            raise ValueError(f"PaddleRec's net has one layer for {name}, this one has {number}")


def static_name(name: str) -> str:
    """Returns the name in a static checkpoint: ``tower_0.w_0`` for ``tower_0.weight``."""
    *_, layer, kind = name.split(".")
    return f"{layer}.{kind[0]}_0"


def missing(net, names: Names | None) -> str:
    """Returns why PaddleRec has no net like this one; an empty text if it has one."""
    if names is None:
        return "has other parameters"
    if net.inputs.are_images:
        return "reads no images"
    others = (task for task in net.tasks if task.type != "binary")
    return next((f"has binary tasks only, {each.name} is {each.type}" for each in others), "")


def is_paddlerecs(names: Iterable[str]) -> bool:
    """Returns whether parameters have PaddleRec's names, of a dygraph or static checkpoint."""
    return not {"tower_0.weight", "tower_0.w_0"}.isdisjoint(names)


def from_paddlerec(net, names: Names, theirs: Arrays) -> dict[str, np.ndarray]:
    """Returns the parameters with which a net computes what PaddleRec's net computes.

    PaddleRec does not scale the inputs. If the net standardises them, its statistics get values
    that change nothing.

    Raises:
        ValueError: the parameters are those of another net.
    """
    shapes = {name: tuple(value.shape) for name, value in net.state_dict().items()}
    static = "tower_0.w_0" in theirs
    ours = {}
    for place in _places(net, names):
        name = static_name(place.theirs) if static else place.theirs
        if name not in theirs:
            raise ValueError(f"it has no parameter {name} (of PaddleRec's names)")
        array = ours.setdefault(place.ours, np.zeros(shapes[place.ours], np.float32))
        if array[place.index].shape != theirs[name].shape:
            raise ValueError(
                f"{name} has shape {theirs[name].shape} there, {array[place.index].shape} here"
            )
        array[place.index] = theirs[name]
    for name, value in (("mean", 0.0), ("deviation", 1.0), ("logarithmic", 0.0)):
        if _SCALE + name in shapes:
            ours[_SCALE + name] = np.full(shapes[_SCALE + name], value, np.float32)
    return ours


def to_paddlerec(net, names: Names, ours: Arrays, static: bool = False) -> dict[str, np.ndarray]:
    """Returns the parameters with which PaddleRec's net computes what a net here computes.

    The scaling of the inputs is folded into the first layers.

    Raises:
        ValueError: PaddleRec's net cannot compute that.
    """
    ours = _folded(names, ours)
    theirs: dict[str, np.ndarray] = {}
    for place in _places(net, names):
        value = np.ascontiguousarray(ours[place.ours][place.index])
        other = theirs.setdefault(place.theirs, value)
        if (other != value).any():
            raise ValueError(
                f"{place.theirs} serves two tasks in PaddleRec's PLE (it takes expert "
                "i * task_num + j for task i), here each has its own: only "
                "exp_per_task = task_num can be written"
            )
    for place in names.unused(net):
        theirs.setdefault(place.theirs, np.ascontiguousarray(ours[place.ours][place.index]))
    return {static_name(name) if static else name: value for name, value in theirs.items()}


def _places(net, names: Names) -> list[Place]:
    if getattr(net.inputs, "embedding", None) is not None:
        raise ValueError("PaddleRec's net has no embeddings, this one has sparse_fields")
    for name, layers in (
        ("dense numbers", net.inputs.dense_layers),
        ("a bottom", net.inputs.bottom),
    ):
        if layers:
            raise ValueError(f"PaddleRec's net has no layers of {name}, this one has")
    if _SCALE + "low" in net.state_dict():
        raise ValueError("PaddleRec's net has no bins, this one has dense_bins")
    return names.places(net)


def _folded(names: Names, ours: Arrays) -> dict[str, np.ndarray]:
    """Returns parameters with the scaling of the inputs folded into the first layers."""
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
    for layer in names.first_layers:
        weight, bias = f"{layer}.weight", f"{layer}.bias"
        scaled = ours[weight].astype(np.float64)
        scaled[:dense] /= deviation[:, None]
        ours[bias] = (ours[bias] - mean @ scaled[:dense]).astype(np.float32)
        ours[weight] = scaled.astype(np.float32)
    return ours
