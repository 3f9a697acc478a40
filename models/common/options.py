"""Parts that a YAML chooses by type: a text, or a mapping of ``type`` and options."""

from __future__ import annotations

import difflib
import inspect
from collections.abc import Callable, Collection, Mapping
from typing import Any

from models.common.hyper_parameters import SECTION


def create(name: str, given: Any, kinds: Mapping[str, Callable], *arguments: Any) -> Any:
    """Returns ``kinds[type](*arguments, **options)`` for what a hyper-parameter says.

    A type's options are the keyword-only arguments of its constructor, which checks them.

    Args:
        name: the key without ``hyper_parameters.``.
        given: its value: a type, or a mapping of ``type`` and options.
        kinds: what makes a part, by type.
        arguments: what all types need.

    Raises:
        ValueError: there is no such type, or it has no such option.
    """
    kind, options = _divided(name, given, kinds)
    return kinds[kind](*arguments, **options)


def meaning(name: str, given: Any, kinds: Mapping[str, Callable], without: Collection[str]) -> Any:
    """Returns a type and its options other than the defaults, for the record of a checkpoint.

    Args:
        name: see `create`.
        given: see `create`.
        kinds: see `create`.
        without: the options that do not change predictions.

    Raises:
        ValueError: there is no such type, or it has no such option.
    """
    kind, options = _divided(name, given, kinds)
    for key, default in options_of(kinds[kind]).items():
        default = list(default) if isinstance(default, tuple) else default
        if key in without or (key in options and options[key] == default):
            options.pop(key, None)
    return {"type": kind, **options}


def complete(name: str, given: Any, kinds: Mapping[str, Callable]) -> dict[str, Any]:
    """Returns all options of the type that a hyper-parameter says; see `create`.

    Raises:
        ValueError: there is no such type, or it has no such option.
    """
    kind, options = _divided(name, given, kinds)
    return {**options_of(kinds[kind]), **options}


def _divided(name: str, given: Any, kinds: Mapping[str, Callable]) -> tuple[str, dict[str, Any]]:
    place, listed = f"{SECTION}.{name}", ", ".join(kinds)
    options = dict(given) if isinstance(given, Mapping) else {"type": given}
    if "type" not in options:
        example = f"{{type: {[*kinds][-1]}}}"
        raise ValueError(f"{place}: expected a type ({listed}), such as {example}, found {given!r}")
    kind = options.pop("type")
    if not isinstance(kind, str) or kind not in kinds:
        raise ValueError(f"{place}: expected {listed}, found {kind!r}{_near(kind, kinds)}")
    known = options_of(kinds[kind])
    for key in options:
        if key not in known:
            has = f"it has {', '.join(known)}" if known else "it has no options"
            raise ValueError(f"{place}: {kind}: unknown option {key}; {has}{_near(key, known)}")
    return kind, options


def options_of(kind: Callable) -> dict[str, Any]:
    """Returns the options of a type with their defaults."""
    arguments = inspect.signature(kind).parameters.values()
    return {each.name: each.default for each in arguments if each.kind is each.KEYWORD_ONLY}


def _near(text: Any, known) -> str:
    near = difflib.get_close_matches(str(text), known, 1)
    return f"; did you mean {near[0]}?" if near else ""
