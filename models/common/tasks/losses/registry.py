"""Losses by name."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import Any

from models.common.tasks.losses import (
    count,
    cross_entropy,
    regression,
    watch_time,
    within_batch,
)
from models.common.tasks.losses.base import Loss, is_number
from models.common.tasks.losses.label_smoothing import Smoothing

_LOSSES = (
    cross_entropy.CrossEntropy,
    cross_entropy.Focal,
    within_batch.Pairwise,
    within_batch.Jrc,
    regression.Squared,
    regression.Absolute,
    regression.Huber,
    regression.LogCosh,
    regression.Quantile,
    watch_time.Ziln,
    watch_time.WeightedLogistic,
    watch_time.Ordinal,
    count.Poisson,
)
BY_NAME: dict[str, type[Loss]] = {each.name: each for each in _LOSSES}


def names(kind: str) -> list[str]:
    """Returns the names of the losses for a type of task, the default one first."""
    return [each.name for each in _LOSSES if kind in each.kinds]


def create(
    kind: str,
    class_num: int,
    loss: str | Mapping[str, Any] | None = None,
    label_smoothing: float = 0.0,
) -> Loss:
    """Returns the loss of a task.

    Args:
        kind: the task's type: binary, multiclass, regression or count.
        class_num: the number of classes of a binary or multiclass task.
        loss: its name, or its name and options, as the YAML gives them. None: the type's default.
        label_smoothing: the share of a label that all classes get alike, in [0, 1).

    Raises:
        ValueError: there is no such loss for this type, or an option is unknown or out of range.
            The text names what was found and what was expected.
    """
    default = names(kind)[0] if loss is None else loss
    options = dict(loss) if isinstance(loss, Mapping) else {"name": default}
    chosen = _named(kind, options.pop("name", None))
    for key, value in options.items():
        _check_option(chosen, key, value)
    created = chosen(kind, class_num, options)
    if not is_number(label_smoothing) or not 0 <= label_smoothing < 1:
        raise ValueError(f"label_smoothing: expected a number in [0, 1), found {label_smoothing!r}")
    if label_smoothing and not created.is_cross_entropy:
        raise ValueError(
            f"{chosen.name}: only cross_entropy takes label_smoothing; expected "
            f"label_smoothing: 0 for this task, found {label_smoothing}"
        )
    if label_smoothing:
        created.smoothing = Smoothing(label_smoothing, class_num)
    return created


def _named(kind: str, name) -> type[Loss]:
    expected = names(kind)
    if isinstance(name, str) and name in expected:
        return BY_NAME[name]
    listed = ", ".join(expected)
    if isinstance(name, str) and name in BY_NAME:
        kinds = " and ".join(BY_NAME[name].kinds)
        raise ValueError(f"{name} is for {kinds} tasks; expected a loss of {kind} tasks ({listed})")
    if name is None:
        raise ValueError(
            f"expected a name, or a mapping with a name such as {{name: {expected[0]}}}; "
            f"{kind} tasks have {listed}"
        )
    near = difflib.get_close_matches(str(name), expected, 1)
    hint = f"; did you mean {near[0]}?" if near else ""
    raise ValueError(f"expected a loss of {kind} tasks ({listed}), found {name!r}{hint}")


def _check_option(loss: type[Loss], key: str, value: Any) -> None:
    if key not in loss.OPTIONS:
        known = f"it has {', '.join(loss.OPTIONS)}" if loss.OPTIONS else "it has no options"
        raise ValueError(f"{loss.name}: unknown option {key}; {known}")
    option = loss.OPTIONS[key]
    if not option.valid(value):
        raise ValueError(f"{loss.name}: {key}: expected {option.expected}, found {value!r}")
