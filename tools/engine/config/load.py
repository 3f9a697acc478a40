"""Reads a YAML file and ``-o key=value`` overrides into one checked configuration."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Callable

import yaml

from engine.config import yaml_files
from engine.config.config import Config
from engine.config.runner_keys import PATHS, RUNNER, Key
from engine.system.errors import UserError, nearest

logger = logging.getLogger(__name__)

SEARCH = "search."  # keys that only tools/search.py reads


def load_config(
    yaml_path: str,
    overrides: Iterable[str] = (),
    model_keys: Callable[[str], Mapping[str, Any] | None] = lambda folder: None,
) -> Config:
    """Reads, merges and checks a configuration.

    Args:
        yaml_path: the model's YAML file.
        overrides: ``key=value`` texts from ``-o``; values are read as YAML.
        model_keys: given the YAML's folder, returns the ``hyper_parameters.*`` that the model
            there declares, with their defaults, or None if it declares none.

    Raises:
        UserError: the file cannot be read, a key of ``-o`` is unknown, or a value is bad.
    """
    yaml_path = os.path.abspath(yaml_path)
    content, repeated = read_yaml(yaml_path)
    values: dict[str, Any] = {}
    for key, value in flat(content):
        if key in values:  # runner.epochs and, in runner, epochs; or 1 and "1"
            repeated.append((key, None))
        values[key] = value
    declared = model_keys(os.path.dirname(yaml_path))
    for key, line in repeated:
        place = f", line {line}" if line else ""
        problem = f"{yaml_path}{place}: {key} stands there twice"
        if declared is not None:  # no silent choice; PaddleRec, though, takes the last one
            raise UserError(problem)
        logger.warning("%s: the last one counts", problem)
    known = {f"runner.{name}": key.default for name, key in RUNNER.items()}
    known.update({f"hyper_parameters.{name}": value for name, value in (declared or {}).items()})
    for key, value in values.items():
        inside = _known_inside(key, known)
        if inside and value not in (None, {}):
            raise UserError(f"{yaml_path}: {key} = {value!r}: expected a section with {inside}")
        others_own = key.startswith(SEARCH)
        others_own |= declared is None and key.startswith("hyper_parameters.")
        if key not in known and not others_own:
            logger.warning("%s: unknown key %s%s", yaml_path, key, nearest(key, known))
    overridden = []
    for text in overrides:
        key, separator, raw = text.partition("=")
        if not separator or not key:
            raise UserError(f"-o {text}: expected key=value")
        if key not in values and key not in known:
            raise UserError(f"-o {text}: unknown key {key}{nearest(key, {*known, *values})}")
        current = values[key] if key in values else known[key]
        values[key] = _override(key, raw, current)
        overridden.append(key)
    config = Config(values, yaml_path, overridden)
    for name, key in RUNNER.items():
        if config.get(f"runner.{name}") is not None:
            _check(config, f"runner.{name}", key)
    return config


def _known_inside(key: str, known: Iterable[str]) -> str | None:
    """Returns a known key inside ``key``, where ``key`` must be a section."""
    return next((name for name in known if name.startswith(f"{key}.")), None)


def read_yaml(path: str) -> tuple[dict, list[tuple[str, int | None]]]:
    """Returns the keys and values of a file, and what stands there twice, with the line.

    Raises:
        UserError: it cannot be read.
    """
    try:
        with open(path, encoding="utf-8-sig") as file:
            content, repeated = yaml_files.load(file)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror}") from error
    except (yaml.YAMLError, ValueError) as error:  # ValueError: no UTF-8
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark else ""
        raise UserError(f"{path}{place}: {getattr(error, 'problem', None) or error}") from error
    _expect_keys(path, content)
    for section in ("runner", "hyper_parameters"):
        if content.get(section, ...) in (None, {}):  # as if it were not there
            del content[section]
        elif section in content:
            _expect_keys(f"{path}: {section}", content[section])
    return content, repeated


def _expect_keys(place: str, content: Any) -> None:
    if not isinstance(content, dict):
        found = "nothing" if content is None else repr(content)
        raise UserError(f"{place}: expected keys and values, found {found}")


def flat(tree: Mapping, prefix: str = "") -> Iterator[tuple[str, Any]]:
    """Returns what a tree of keys holds, by the keys' full names."""
    for name, value in tree.items():
        if isinstance(value, Mapping) and value:
            yield from flat(value, f"{prefix}{name}.")
        else:
            yield f"{prefix}{name}", value


def _override(key: str, raw: str, current: Any) -> Any:
    """Reads the text after ``key=`` as YAML, keeping the type of the value it replaces."""
    section, _, name = key.partition(".")
    if section == "runner" and name in RUNNER:  # the kind is checked with the file's values
        if RUNNER[name].kind in ("text", *PATHS):
            return None if raw in _NOTHING else raw
        return _parse(raw)
    if isinstance(current, str):
        return raw
    value = _parse(raw)
    if isinstance(current, float) and type(value) is int:
        return float(value)
    # A list may stand where a model takes one size or several; the model checks it.
    several = isinstance(value, list) and type(current) is int
    if type(current) in (bool, int, float) and type(value) is not type(current) and not several:
        raise UserError(f"-o {key}={raw}: expected {_EXPECTED[type(current)]}")
    return value


def _parse(raw: str) -> Any:
    try:
        return yaml_files.load(raw)[0]
    except (yaml.YAMLError, ValueError):
        return raw


_NOTHING = ("", "~", "null", "Null", "NULL")  # YAML's ways to write None
_LARGEST = 2**63 - 1  # what Paddle's and NumPy's integers hold
_TYPES = {"bool": bool, "int": int, "text": str, **dict.fromkeys(PATHS, str), "any": object}
_EXPECTED = {bool: "True or False", int: "an integer", float: "a number", str: "a text"}


def _check(config: Config, name: str, key: Key) -> None:
    value, kind = config[name], _TYPES[key.kind]
    fits = isinstance(value, kind) and not (kind is int and isinstance(value, bool))
    if not fits or value == "" or not key.check(value):
        expected = key.expected or ("a path" if key.kind in PATHS else _EXPECTED[kind])
        raise config.error(name, f"expected {expected}")
    if kind is int and value > _LARGEST:
        raise config.error(name, f"expected at most {_LARGEST}")
    if key.kind in PATHS and not _can_name_a_file(value):
        raise config.error(name, "no file can be called that")


def _can_name_a_file(text: str) -> bool:
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False
