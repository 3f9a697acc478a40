"""YAML 1.2's core schema for PyYAML: which unquoted texts are null, booleans and numbers.

PyYAML follows YAML 1.1. It reads ``1:30`` as 90, ``012`` as 10, ``1_000`` as 1000, ``no`` as False
and ``2026-01-31`` as a date, and ``1e-3`` as a text. Here only ``1e-3`` of these is a number; the
others are texts. YAML 1.2 reads ``012`` as 12. Here it is a text, so that nobody gets 12 for 10.

Source: YAML 1.2.2, section 10.3.2.
"""

from __future__ import annotations

import math
import re
from typing import Any

import yaml
from yaml.constructor import ConstructorError

from engine.system import integers

_TAG = "tag:yaml.org,2002:"

_BOOLEANS = {"true": True, "True": True, "TRUE": True}
_BOOLEANS.update({"false": False, "False": False, "FALSE": False})
_INTEGER = re.compile(rf"(?:{integers.PATTERN}|0o[0-7]+|0x[0-9a-fA-F]+)\Z")
_DECIMAL = r"[-+]?(?:\.[0-9]+|[0-9]+\.[0-9]*|[0-9]+(?=[eE]))(?:[eE][-+]?[0-9]+)?"
_FLOAT = re.compile(rf"(?:{_DECIMAL}|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z")

# Tag, pattern, and the first characters of texts that can match: PyYAML looks patterns up by them.
_PATTERNS = (
    ("null", re.compile(r"(?:~|null|Null|NULL|)\Z"), ["~", "n", "N", ""]),
    ("bool", re.compile(rf"(?:{'|'.join(_BOOLEANS)})\Z"), list("tTfF")),
    ("int", _INTEGER, list("-+0123456789")),
    ("float", _FLOAT, list("-+.0123456789")),
)
# What YAML 1.1 alone reads as booleans and integers; see `suggest`.
_OLD_BOOLEANS = {"yes": True, "on": True, "no": False, "off": False}
_OLD_INTEGER = re.compile(r"[-+]?[0-9][0-9_]*\Z")

_MERGE = ("merge", re.compile(r"<<\Z"), ["<"])  # of YAML 1.1, and used with aliases


class Dumper(yaml.SafeDumper):
    """Writes YAML in which quotes protect every text that YAML 1.1 or 1.2 reads as another type."""


def apply_core_schema(loader: type[yaml.SafeLoader]) -> None:
    """Makes a loader class read scalars by the core schema."""
    loader.yaml_implicit_resolvers = {}
    for tag, pattern, first in (*_PATTERNS, _MERGE):
        loader.add_implicit_resolver(f"{_TAG}{tag}", pattern, first)
    for tag, construct in (("bool", _boolean), ("int", _integer), ("float", _float)):
        loader.add_constructor(f"{_TAG}{tag}", construct)


def is_old_boolean(value: Any) -> bool:
    """Returns whether a value is a text that YAML 1.1 reads as a boolean: yes, no, on or off."""
    return isinstance(value, str) and value.lower() in _OLD_BOOLEANS


def suggest(value: Any, expected: type) -> str:
    """Returns ``; write ...`` for a text that was probably meant as another value, or ''."""
    if expected is bool and is_old_boolean(value):
        return f"; write {_OLD_BOOLEANS[value.lower()]}"
    if expected in (int, float) and isinstance(value, str) and _OLD_INTEGER.match(value):
        return "; write digits only, without leading zeros or underscores"
    return ""


def _boolean(loader: yaml.SafeLoader, node: yaml.Node) -> bool:
    text = loader.construct_scalar(node)
    if text not in _BOOLEANS:
        raise ValueError("write True or False")
    return _BOOLEANS[text]


def _integer(loader: yaml.SafeLoader, node: yaml.Node) -> int:
    text = loader.construct_scalar(node)
    if not _INTEGER.match(text):
        raise ValueError("write digits only, without leading zeros")
    return int(text, {"0o": 8, "0x": 16}.get(text[:2], 10))


def _float(loader: yaml.SafeLoader, node: yaml.Node) -> float:
    text = loader.construct_scalar(node)
    if not _FLOAT.match(text) and not _INTEGER.match(text):
        raise ValueError("write a number such as 0.5, 1e-3 or .inf")
    special = text.lower().lstrip("-+")
    if special in (".inf", ".nan"):
        return float(text.replace(".", ""))
    number = float(text)
    if math.isinf(number):
        problem = f"{text[:60]} is too large for a number; infinity is .inf"
        raise ConstructorError(None, None, problem, node.start_mark)
    return number


for _tag, _pattern, _first in _PATTERNS:
    Dumper.add_implicit_resolver(f"{_TAG}{_tag}", _pattern, _first)
