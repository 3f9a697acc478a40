"""Checks of a net's hyper-parameters; the errors name the YAML's key."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Union

Sizes = Union[int, Sequence[int]]
# What a net reads of a row: a number of features, or an image ``(1, height, width)``.
FeatureSize = Union[int, tuple]


def whole(name: str, value, minimum: int = 1) -> int:
    """Returns a hyper-parameter that must be an integer of at least ``minimum``.

    Raises:
        ValueError: it is not.
    """
    if isinstance(value, bool) or not isinstance(value, int) or value < minimum:
        expected = f"expected an integer of at least {minimum}, found {value!r}"
        raise ValueError(f"hyper_parameters.{name}: {expected}")
    return value


def layer_sizes(name: str, value: Sizes, minimum: int = 0) -> tuple[int, ...]:
    """Returns the layer sizes that a hyper-parameter gives: one size, or a list of them.

    Raises:
        ValueError: a size is no positive integer, or there are fewer than ``minimum``.
    """
    sizes = value if isinstance(value, (list, tuple)) else [value]
    if len(sizes) < minimum:
        raise ValueError(f"hyper_parameters.{name}: expected at least {minimum} layer, found none")
    return tuple(whole(name, size) for size in sizes)


def flat_size(feature_size: FeatureSize) -> int:
    """Returns the number of features of a row, or of an image's pixels.

    Raises:
        ValueError: it is no positive integer.
    """
    if isinstance(feature_size, tuple):
        return math.prod(feature_size)
    return whole("feature_size", feature_size)


def positive(name: str, value, or_zero: bool = False) -> float:
    """Returns a hyper-parameter that must be a positive number, or 0 where that is allowed.

    Raises:
        ValueError: it is not.
    """
    number = isinstance(value, (int, float)) and not isinstance(value, bool)
    if not number or not (0 < value < float("inf") or (or_zero and value == 0)):
        expected = "a number of at least 0" if or_zero else "a positive number"
        raise ValueError(f"hyper_parameters.{name}: expected {expected}, found {value!r}")
    return float(value)


def flag(name: str, value) -> bool:
    """Returns a hyper-parameter that must be True or False.

    Raises:
        ValueError: it is neither.
    """
    if not isinstance(value, bool):
        raise ValueError(f"hyper_parameters.{name}: expected True or False, found {value!r}")
    return value


def probability(name: str, value) -> float:
    """Returns a hyper-parameter that must lie in [0, 1).

    Raises:
        ValueError: it does not.
    """
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not 0 <= value < 1:
        raise ValueError(f"hyper_parameters.{name}: expected a number in [0, 1), found {value!r}")
    return float(value)
