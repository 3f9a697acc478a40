"""Loads a YAML file and ``-o key=value`` overrides into one checked configuration."""

from __future__ import annotations

import logging
import os
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping
from typing import Any

from engine.config import keys, overriding, runner_values, yaml_files, yaml_scalars
from engine.config.config import FOLDER_KEY, Config
from engine.config.runner_keys import RUNNER
from engine.system.errors import UserError

logger = logging.getLogger(__name__)

SEARCH = "search."  # keys that only tools/search.py reads

Repeated = list[tuple[str, "int | None"]]  # keys that are set twice, each with its second line


def load_config(
    yaml_path: str,
    overrides: Iterable[str] = (),
    model_keys: Callable[[str], Mapping[str, Any] | None] = lambda folder: None,
) -> Config:
    """Loads, merges and checks a configuration.

    Args:
        yaml_path: the model's YAML file.
        overrides: ``key=value`` texts from ``-o``; values are read as YAML.
        model_keys: takes the YAML's folder; returns the ``hyper_parameters.*`` that the model there
            declares, with their defaults, or None if it declares none.

    Raises:
        UserError: the file cannot be read, a key is unknown, or a value is invalid. Unknown keys in
            the YAML of a model that declares none are a warning.
    """
    yaml_path = os.path.abspath(yaml_path)
    content, repeated = read_yaml(yaml_path)
    folder = os.path.dirname(yaml_path)
    if FOLDER_KEY in content:  # a configuration that was saved beside checkpoints
        content[FOLDER_KEY] = folder = _model_folder(yaml_path, folder, content[FOLDER_KEY])
    declared = model_keys(folder)
    values, twice = _flatten(content, keys.blocks(keys.known_keys(declared)))
    _report_repeated(yaml_path, repeated + twice, is_error=declared is not None)
    known = keys.known_keys(declared)
    _check_keys(yaml_path, values, known, is_declared=declared is not None)
    overridden = overriding.parse(overrides, values, known, declared is not None)
    _move_loading(overridden, values)
    config = Config({**values, **overridden}, yaml_path, overridden)
    runner_values.check(config)
    _check_types(config, declared or {})
    return config


def _move_loading(overridden: dict[str, Any], values: Mapping[str, Any]) -> None:
    """Lets evaluation and export follow ``-o runner.model_save_path``.

    A YAML usually loads from the folder in which it saves. With another folder to save in, loading
    from the old one would use the checkpoints of another run.
    """
    save, load = "runner.model_save_path", "runner.infer_load_path"
    folders = [values.get(key, RUNNER[key.partition(".")[2]].default) for key in (save, load)]
    if overridden.get(save) is None or load in overridden or not _are_equal_paths(*folders):
        return
    overridden[load] = os.path.abspath(os.path.expanduser(overridden[save]))


def _are_equal_paths(first: Any, second: Any) -> bool:
    texts = isinstance(first, str) and isinstance(second, str)
    return texts and os.path.normpath(first) == os.path.normpath(second)


def read_yaml(path: str) -> tuple[dict, Repeated]:
    """Returns the keys and values of a configuration file, and the keys that are set twice.

    Empty sections ``runner`` and ``hyper_parameters`` are left out.

    Raises:
        UserError: the file cannot be read, or is not a mapping with these sections.
    """
    content, repeated = yaml_files.read(path)
    _check_mapping(path, content)
    for section in ("runner", "hyper_parameters"):
        if content.get(section, ...) in (None, {}):
            del content[section]
        elif section in content:
            _check_mapping(f"{path}: {section}", content[section])
    return content, repeated


def _model_folder(yaml_path: str, folder: str, value: Any) -> str:
    """Returns the model's folder that a saved configuration names."""
    path = os.path.join(folder, os.path.expanduser(value)) if isinstance(value, str) else ""
    if not os.path.isdir(path):
        problem = "expected the model's folder, which has its Python files"
        raise UserError(f"{yaml_path}: {FOLDER_KEY} = {value!r}: {problem}")
    return os.path.normpath(path)


def _check_mapping(place: str, content: Any) -> None:
    if not isinstance(content, dict):
        found = "nothing" if content is None else repr(content)
        raise UserError(f"{place}: expected keys and values, found {found}")


def flat(
    tree: Mapping, prefix: str = "", blocks: Collection[str] = ()
) -> Iterator[tuple[str, Any]]:
    """Yields the values of nested mappings with their full keys, such as ``runner.epochs``.

    Args:
        tree: the mappings.
        prefix: what stands before the names in full keys.
        blocks: the full keys whose mappings are values.
    """
    for name, value in tree.items():
        key = f"{prefix}{name}"
        if isinstance(value, Mapping) and value and key not in blocks:
            yield from flat(value, f"{key}.", blocks)
        else:
            yield key, value


def _flatten(content: Mapping, blocks: Collection[str]) -> tuple[dict[str, Any], Repeated]:
    """Returns the values by full key, and the keys that are set in two ways.

    ``runner.epochs`` may also be ``epochs`` in ``runner``, and the key 1 may also be ``"1"``.
    """
    values: dict[str, Any] = {}
    twice: Repeated = []
    for key, value in flat(content, blocks=blocks):
        if key in values:
            twice.append((key, None))
        values[key] = value
    return values, twice


def _report_repeated(yaml_path: str, repeated: Repeated, is_error: bool) -> None:
    """Raises or warns for keys that are set twice.

    Args:
        yaml_path: the YAML.
        repeated: the keys.
        is_error: False for folders written for PaddleRec, which uses the last value.
    """
    for key, line in repeated:
        place = f", line {line}" if line else ""
        problem = f"{yaml_path}{place}: {key} is set twice"
        if is_error:
            raise UserError(problem)
        logger.warning("%s; the last value is used", problem)


def _check_keys(
    yaml_path: str, values: Mapping[str, Any], known: Mapping[str, Any], is_declared: bool
) -> None:
    """Checks the keys of a YAML.

    Args:
        yaml_path: the YAML.
        values: its values by full key.
        known: all known keys with their defaults.
        is_declared: whether the model declares its hyper-parameters. If not, unknown keys are a
            warning: the folder was written for PaddleRec, and its code may read them.

    Raises:
        UserError: a key is unknown, a value stands in place of a section, or keys in place of a
            value of ``runner``.
    """
    unknown = []
    for key, value in values.items():
        inner = keys.section_of(key, known)
        if inner and value not in (None, {}):
            problem = f"expected a section with keys such as {inner}"
            raise UserError(f"{yaml_files.place(yaml_path, key)}: {key} = {value!r}: {problem}")
        is_plain = key in known or key in keys.WITHOUT_EFFECT or key == FOLDER_KEY
        if is_plain or key.startswith(SEARCH) or inner:
            continue
        if is_declared or keys.owner_of(key, known).startswith("runner."):
            section = key.partition(".")[0]
            unknown.append(key if section in ("runner", "hyper_parameters") else section)
            continue
        if not key.startswith("hyper_parameters."):
            logger.warning("%s: %s", yaml_path, keys.unknown(key, known))
        if yaml_scalars.is_old_boolean(value):  # nothing checks its type; "no" counts as true
            hint = yaml_scalars.suggest(value, bool)
            logger.warning("%s: %s = %r is a text, not a boolean%s", yaml_path, key, value, hint)
    if unknown:
        first, *others = dict.fromkeys(unknown)
        more = f" (also unknown: {', '.join(others[:5])})" if others else ""
        place = yaml_files.place(yaml_path, first)
        raise UserError(f"{place}: {keys.unknown(first, known)}{more}")


def _check_types(config: Config, declared: Mapping[str, Any]) -> None:
    """Checks that the model's hyper-parameters have the types of their defaults."""
    for name, default in declared.items():
        key = f"hyper_parameters.{name}"
        problem = overriding.type_problem(config[key], default) if key in config else ""
        if problem:
            raise config.error(key, problem)
