"""Parses the ``key=value`` texts of ``-o``."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from engine.config import keys, yaml_files, yaml_scalars
from engine.config.runner_key import PATHS
from engine.config.runner_keys import RUNNER
from engine.system.errors import UserError

_NULL = ("~", "null", "Null", "NULL")  # YAML's ways to write None
_EXPECTED = {bool: "True or False", int: "an integer", float: "a number", str: "a text"}


def parse(
    texts: Iterable[str],
    values: Mapping[str, Any],
    defaults: Mapping[str, Any],
    is_declared: bool = True,
) -> dict[str, Any]:
    """Returns the overrides by key; of a key that occurs twice, the last value.

    Args:
        texts: ``key=value`` texts; a value is everything after the first ``=``.
        values: the YAML's values by full key.
        defaults: all known keys with their defaults.
        is_declared: whether the model declares its hyper-parameters. If not, the YAML's value says
            of which type a new one is.

    Raises:
        UserError: a text has no key or no ``=``, the key is unknown, or the value has another type
            than the default of its key.
    """
    overrides: dict[str, Any] = {}
    blocks = keys.blocks(defaults)
    for text in texts:
        key, separator, raw = text.partition("=")
        if not separator or not key:
            raise UserError(f"-o {text}: expected key=value")
        inner = keys.section_of(key, {**defaults, **values})
        if inner:
            problem = f"{key} is a section: set its keys one by one, such as {inner}=..."
            raise UserError(f"-o {text}: {problem}")
        block = keys.owner_of(key, blocks)
        if block:
            before = overrides.get(block, values.get(block))
            overrides[block] = _with_entry(before, key[len(block) + 1 :], _parse_yaml(key, raw))
        elif key in keys.WITHOUT_EFFECT:
            overrides[key] = raw
        elif key not in values and key not in defaults:
            raise UserError(f"-o {text}: {keys.unknown(key, {**values, **defaults})}")
        else:
            known = key in defaults
            overrides[key] = _convert(key, raw, defaults[key] if known else values[key], known)
    return overrides


def _convert(key: str, raw: str, current: Any, is_known: bool) -> Any:
    """Reads a value as YAML and checks that it has the type of the current value."""
    section, _, name = key.partition(".")
    if section == "runner" and name in RUNNER:  # its type is checked later, like the YAML's values
        if raw.strip() == "":
            raise UserError(f"-o {key}={raw}: expected a value; null restores the default")
        is_list = RUNNER[name].kind == "paths" and raw.startswith("[")
        if RUNNER[name].kind in ("text", *PATHS) and not is_list:
            return None if raw in _NULL else raw
        return _parse_yaml(key, raw)
    if isinstance(current, str):
        return raw
    value = _parse_yaml(key, raw)
    if is_known and raw.strip() == "":
        raise UserError(f"-o {key}={raw}: expected a value")
    problem = type_problem(value, current)
    if problem:
        raise UserError(f"-o {key}={raw}: {problem}")
    return float(value) if type(current) is float and type(value) is int else value


def _with_entry(block: Any, key: str, value: Any) -> dict[str, Any]:
    """Returns a block with another value of one of its keys.

    Args:
        block: the block; a text is its ``type``.
        key: the key inside the block, such as ``type`` or ``user.stop_gradient``.
        value: the new value.
    """
    block = {"type": block} if isinstance(block, str) else dict(block or {})
    name, _, inner = key.partition(".")
    block[name] = _with_entry(block.get(name), inner, value) if inner else value
    return block


def type_problem(value: Any, default: Any) -> str:
    """Returns what was expected in place of a value, or '' if it has the type of a default.

    An integer may stand in place of a number. One size or a list of them may stand in place of an
    integer or of a list: the model checks the list. A default of None does not say a type.
    """
    kind = type(default)
    is_none = value is None or (isinstance(value, str) and value.lower() == "none")
    if default is None:
        return "found a text; write null for no value" if is_none and value is not None else ""
    if kind in (int, list, tuple):
        fits, expected = type(value) in (int, list), "an integer or a list of integers"
        expected = _EXPECTED[int] if kind is int else expected
    else:
        fits, expected = type(value) is kind, _EXPECTED.get(kind)
        fits |= (kind is float and type(value) is int) or expected is None
    default_text = "; leave the key out for its default" if is_none else ""
    return "" if fits else f"expected {expected}{default_text or yaml_scalars.suggest(value, kind)}"


def _parse_yaml(key: str, raw: str) -> Any:
    """Returns a text as YAML; the text itself if it is not YAML."""
    try:
        value, repeated = yaml_files.load(raw)
    except (yaml.YAMLError, ValueError):
        return raw
    if repeated:
        raise UserError(f"-o {key}={raw}: {repeated[0][0]} is set twice")
    return value
