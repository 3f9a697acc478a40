"""Checks the values of ``runner.*`` keys."""

from __future__ import annotations

import os
from typing import Any

from engine.config.config import Config
from engine.config.runner_keys import PATHS, RUNNER, Key
from engine.config.yaml_scalars import suggest
from engine.system import integers

_TYPES = {"bool": bool, "int": int, "text": str, **dict.fromkeys(PATHS, str), "any": object}
_EXPECTED = {"bool": "True or False", "text": "a text", **dict.fromkeys(PATHS, "a path")}


def check(config: Config) -> None:
    """Checks every ``runner.*`` key that is set.

    Raises:
        UserError: a value has the wrong type or is out of range; the message names key and value.
    """
    for name, key in RUNNER.items():
        value = config.get(f"runner.{name}")
        if value is not None:
            problem = _problem(key, value)
            if problem:
                raise config.error(f"runner.{name}", problem)


def _problem(key: Key, value: Any) -> str:
    """Returns what was expected instead of a value, or '' if the value is valid."""
    kind = _TYPES[key.kind]
    has_type = isinstance(value, kind) and not (kind is int and isinstance(value, bool))
    if not has_type or value == "" or not key.check(value):
        return f"expected {key.expected or _EXPECTED[key.kind]}{suggest(value, kind)}"
    if kind is int and value > integers.LARGEST:
        return f"expected at most {integers.LARGEST}"
    if key.kind in PATHS and not _is_file_name(value):
        return "expected a path without NUL bytes, in the encoding of the file system"
    return ""


def _is_file_name(text: str) -> bool:
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False
