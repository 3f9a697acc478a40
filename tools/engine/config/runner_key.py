"""What a ``runner.*`` key is: its type, default, valid values and meaning."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable

PATHS = ("path", "paths", "output path")
REQUIRED = object()  # no default; a command that needs the key raises an error if it is not set


@dataclass(frozen=True)
class Key:
    """One ``runner.*`` key.

    Attributes:
        kind: ``bool``, ``int``, ``text``, ``path`` (read), ``paths`` (one or a list),
            ``output path`` (written) or ``any``.
        default: the value if the key is not set; REQUIRED if there is none.
        meaning: the documentation of the key.
        expected: a description of valid values, for error messages.
        check: returns whether a value of the right kind is valid.
    """

    kind: str
    default: Any
    meaning: str
    expected: str = ""
    check: Callable[[Any], bool] = lambda value: True


def at_least(minimum: int, default: Any, meaning: str) -> Key:
    """Returns the key of an integer that has a minimum."""
    expected = f"an integer of at least {minimum}"
    return Key("int", default, meaning, expected, lambda value: value >= minimum)


def names(meaning: str) -> Key:
    """Returns the key of a list of names, which has no default."""
    return Key("any", None, meaning, "a list of names", is_names)


def is_names(value: Any) -> bool:
    """Returns whether a value is a list of names that is not empty."""
    return isinstance(value, list) and bool(value) and all(isinstance(v, str) for v in value)
