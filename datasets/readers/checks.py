"""Checks of YAML values whose errors say where, what was expected and what was found.

``place`` is the full key, such as ``hyper_parameters.sparse_fields: user: size``.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any, NoReturn


def fail(place: str, expected: str, found: Any, hint: str = "") -> NoReturn:
    """Raises the ValueError of a value that cannot be used.

    Args:
        place: the full key.
        expected: the values that are allowed.
        found: the value.
        hint: what to do, if ``expected`` does not say it.
    """
    raise ValueError(f"{place}: expected {expected}, found {found!r}{hint and f' ({hint})'}")


def list_of(items: str, place: str, value: Any, default: Sequence = ()) -> Sequence:
    """Returns a list, or the default for None.

    Args:
        items: what the list holds, in the plural.
        place: the full key.
        value: the value of the key.
        default: the value of a key that is not set.
    """
    if value is None:
        return default
    if not isinstance(value, (list, tuple)):
        fail(place, f"a list of {items}", value)
    return value


def texts(place: str, value: Any, default: Sequence[str] = ()) -> tuple[str, ...]:
    """Returns a list of texts, or the default for None."""
    for text in list_of("texts", place, value, default):
        if not isinstance(text, str):
            fail(place, "texts", text, "write it in quotation marks")
    return tuple(value if value is not None else default)


def integer(place: str, value: Any, least: int, most: int | None = None) -> int:
    """Returns an integer from ``least`` to ``most``; True and False are no integers."""
    if type(value) is not int or value < least or (most is not None and value > most):
        limits = f"of at least {least}" if most is None else f"from {least} to {most}"
        fail(place, f"an integer {limits}", value)
    return value


def choice(place: str, value: Any, choices: Sequence[str]) -> str:
    """Returns one of the choices."""
    if not isinstance(value, str) or value not in choices:
        fail(place, f"{', '.join(choices[:-1])} or {choices[-1]}", value)
    return value


def keys(
    place: str, value: Any, required: Collection[str], optional: Collection[str]
) -> Mapping[str, Any]:
    """Returns a mapping that has the required keys and none that is unknown."""
    if not isinstance(value, Mapping) or not set(required) <= set(value):
        names = ", ".join(required)
        fail(place, f"a mapping with {names} (optional: {', '.join(optional)})", value)
    for key in value:
        if key not in required and key not in optional:
            named = f"{place}: {value['name']}" if "name" in value else place
            fail(named, f"keys among {', '.join([*required, *optional])}", key)
    return value


def distinct(place: str, items: str, names: Sequence[str]) -> None:
    """Raises a ValueError if a name occurs more than once."""
    repeated = [name for name, count in Counter(names).items() if count > 1]
    if repeated:
        fail(place, f"each {items} only once", repeated[0], "remove or rename one")
