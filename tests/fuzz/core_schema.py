"""A second reading of YAML 1.2's core schema, which shares no code with the engine's."""

from __future__ import annotations

import io
import math
from typing import Any

import yaml
from fuzz_guard import FaultError

ANY = object()  # stands for a value that is not compared

_CONSTANTS = dict.fromkeys(("", "~", "null", "Null", "NULL"))
_CONSTANTS.update(dict.fromkeys(("true", "True", "TRUE"), True))
_CONSTANTS.update(dict.fromkeys(("false", "False", "FALSE"), False))
_INFINITIES = (".inf", ".Inf", ".INF")


def scalar(text: str) -> Any:
    """Returns the value of an unquoted text, by Python's rules where YAML's are the same."""
    if text in _CONSTANTS:
        return _CONSTANTS[text]
    if text in (".nan", ".NaN", ".NAN"):
        return math.nan
    sign = text[:1] if text[:1] in ("+", "-") else ""
    digits = text[len(sign) :]
    if digits in _INFINITIES:
        return -math.inf if sign == "-" else math.inf
    if not text.isascii() or "_" in text or text != text.strip():  # Python's int accepts them
        return text
    if digits.isdigit():
        return text if len(digits) > 1 and digits[0] == "0" else int(text)
    if text[:2] in ("0o", "0x"):
        try:
            return int(text, 0)
        except ValueError:
            return text
    if not digits or set(digits) - set("0123456789.eE+-"):  # float accepts nan, inf and infinity
        return text
    try:
        number = float(text)
    except ValueError:
        return text
    if math.isinf(number):
        raise FaultError(f"{text} was not refused")
    return number


def tree(content: bytes) -> dict:
    """Returns the mapping that a YAML describes; tagged values and merges are `ANY`.

    Args:
        content: a YAML whose root is a mapping without tags.
    """
    text = io.StringIO(content.decode("utf-8-sig"), newline=None).read()  # as `open` reads it
    value = _value(yaml.compose(text, yaml.BaseLoader), "!" in text)
    return value if isinstance(value, dict) else {}


def _value(node: yaml.Node, has_tags: bool) -> Any:
    """Returns a node's value.

    Args:
        node: from `yaml.BaseLoader`, which takes every scalar for a text.
        has_tags: whether the file may contain ``!!str``, which a node does not show.
    """
    if isinstance(node, yaml.ScalarNode):
        if node.tag != yaml.resolver.BaseResolver.DEFAULT_SCALAR_TAG:
            return ANY
        if node.style is not None:  # quoted, or a block
            return node.value
        return ANY if has_tags else scalar(node.value)
    if isinstance(node, yaml.SequenceNode):
        if node.tag != yaml.resolver.BaseResolver.DEFAULT_SEQUENCE_TAG:
            return ANY
        return [_value(part, has_tags) for part in node.value]
    if node.tag != yaml.resolver.BaseResolver.DEFAULT_MAPPING_TAG:
        return ANY
    pairs = [(_value(key, has_tags), _value(value, has_tags)) for key, value in node.value]
    if any(key is ANY or key == "<<" for key, _ in pairs):
        return ANY
    return dict(pairs)


def same(found: Any, expected: Any) -> bool:
    """Returns whether a value is the expected one, types included."""
    if expected is ANY:
        return True
    if type(found) is not type(expected):
        return False
    if isinstance(expected, list):
        return len(found) == len(expected) and all(map(same, found, expected))
    if isinstance(expected, dict):
        # Keys may be NaN, which equals nothing.
        names = [list(map(repr, mapping)) for mapping in (found, expected)]
        return names[0] == names[1] and all(map(same, found.values(), expected.values()))
    return found == expected or (found != found and expected != expected)
