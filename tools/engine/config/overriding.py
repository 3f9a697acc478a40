"""Parses the ``key=value`` texts of ``-o``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from engine.config import yaml_files, yaml_scalars
from engine.config.runner_keys import PATHS, RUNNER
from engine.system.errors import UserError, nearest

_NULL = ("", "~", "null", "Null", "NULL")  # YAML's ways to write None
_EXPECTED = {bool: "True or False", int: "an integer", float: "a number"}


def parse(
    texts: Iterable[str], values: Mapping[str, Any], defaults: Mapping[str, Any]
) -> dict[str, Any]:
    """Returns the overrides by key; of a key that occurs twice, the last value.

    Args:
        texts: ``key=value`` texts; a value is everything after the first ``=``.
        values: the YAML's values by full key.
        defaults: all known keys with their defaults.

    Raises:
        UserError: a text has no key or no ``=``, the key is unknown, or the value's type differs
            from the type of the value that it replaces.
    """
    overrides = {}
    for text in texts:
        key, separator, raw = text.partition("=")
        if not separator or not key:
            raise UserError(f"-o {text}: expected key=value")
        if key not in values and key not in defaults:
            hint = nearest(key, {*defaults, *values})
            raise UserError(f"-o {text}: unknown key {key}{hint}")
        current = values[key] if key in values else defaults[key]
        overrides[key] = _convert(key, raw, current)
    return overrides


def _convert(key: str, raw: str, current: Any) -> Any:
    """Reads a value as YAML and checks that it has the type of the current value."""
    section, _, name = key.partition(".")
    if section == "runner" and name in RUNNER:  # its type is checked later, like the YAML's values
        if RUNNER[name].kind in ("text", *PATHS):
            return None if raw in _NULL else raw
        return _parse_yaml(key, raw)
    if isinstance(current, str):
        return raw
    value = _parse_yaml(key, raw)
    kind = type(current)
    if kind is float and type(value) is int:
        return float(value)
    if kind is int and isinstance(value, list):  # one size or several; the model checks the list
        return value
    if kind in _EXPECTED and type(value) is not kind:
        hint = yaml_scalars.suggest(value, kind)
        raise UserError(f"-o {key}={raw}: expected {_EXPECTED[kind]}{hint}")
    return value


def _parse_yaml(key: str, raw: str) -> Any:
    """Returns a text as YAML; the text itself if it is not YAML."""
    try:
        value, repeated = yaml_files.load(raw)
    except (yaml.YAMLError, ValueError):
        return raw
    if repeated:
        raise UserError(f"-o {key}={raw}: {repeated[0][0]} is set twice")
    return value
