"""Logs a configuration, and saves it beside the checkpoints of its run."""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any

import yaml

from engine.config import keys
from engine.config.config import FOLDER_KEY, Config
from engine.config.load import SEARCH
from engine.config.runner_key import PATHS, REQUIRED
from engine.config.runner_keys import RUNNER
from engine.config.yaml_scalars import Dumper
from engine.system import atomic_files

logger = logging.getLogger(__name__)

SAVED = "config.yaml"


def log_without_effect(config: Config) -> None:
    """Logs one line with the keys of PaddleRec that mean nothing here, if any is set."""
    found = keys.without_effect(config)
    if found:
        text = ", ".join(f"{key} ({reason})" for key, reason in found.items())
        logger.info("keys of PaddleRec without effect here: %s", text)


def log_config(config: Config, declared: Mapping[str, Any] | None = None) -> None:
    """Logs the keys of a configuration whose values differ from the defaults.

    Args:
        config: the configuration.
        declared: the model's hyper-parameters with their defaults; None if it declares none.
    """
    defaults = _defaults(declared)
    values = {key: value for key, value in _own(config) if value != defaults.get(key)}
    width = max(map(len, values), default=0)
    lines = [f"{key:<{width}}  {value}" for key, value in sorted(values.items())]
    title = "configuration %s; other keys have their default values\n%s"
    logger.info(title, config.yaml_path, "\n".join(lines))


def save(config: Config, folder: str, declared: Mapping[str, Any] | None = None) -> str:
    """Writes all keys of a configuration to ``config.yaml`` in the folder of its checkpoints.

    Commands can read the file in place of the YAML: paths are absolute, ``config_abs_dir`` names
    the model's folder, and ``infer_load_path`` is the folder of the checkpoints. The keys that are
    not set are comments with their defaults, and so are values that follow from the data.

    Args:
        config: the configuration.
        folder: ``runner.model_save_path``.
        declared: the model's hyper-parameters with their defaults; None if it declares none.

    Returns:
        The path of the file.

    Raises:
        UserError: the file cannot be written.
    """
    values = {key: value for key, value in _own(config) if key not in config.derived}
    for name, key in RUNNER.items():
        written = values.get(f"runner.{name}")
        if key.kind in PATHS and written is not None:
            path = config.runner(name)  # a list, if several folders are possible
            is_one = isinstance(path, list) and isinstance(written, str)
            values[f"runner.{name}"] = path[0] if is_one else path
    values["runner.model_save_path"] = values["runner.infer_load_path"] = folder
    tree: dict[str, Any] = {FOLDER_KEY: config.folder}
    for key, value in sorted(values.items()):
        *sections, name = key.split(".")
        place = tree
        for section in sections:
            place = place.setdefault(section, {}) if isinstance(place, dict) else None
        if isinstance(place, dict):
            place[name] = value
        else:  # a.b beside a value of a
            tree[key] = value
    others = {key: value for key, value in _own(config) if key in config.derived}
    unset = {key: value for key, value in _defaults(declared).items() if key not in values}
    text = "\n".join(
        (
            f"# The configuration of the last training in this folder, from {config.yaml_path!a}.",
            _dump(tree),
            "# Keys that are not set, with their defaults:",
            *_comments(unset),
            *(["", "# Values that follow from the data:", *_comments(others)] if others else []),
            "",
        )
    )
    path = os.path.join(folder, SAVED)
    atomic_files.write_text(path, text)
    return path


def _dump(content: Mapping[str, Any]) -> str:
    return yaml.dump(content, Dumper=Dumper, sort_keys=False, allow_unicode=True, width=100)


def _comments(values: Mapping[str, Any]) -> list[str]:
    known = {key: value for key, value in sorted(values.items()) if value is not None}
    return [f"# {line}" for line in _dump(known).splitlines()] if known else []


def _defaults(declared: Mapping[str, Any] | None) -> dict[str, Any]:
    """Returns the default of every key that has one, by full key."""
    defaults = {f"runner.{name}": key.default for name, key in RUNNER.items()}
    defaults.update({f"hyper_parameters.{name}": each for name, each in (declared or {}).items()})
    return {key: value for key, value in defaults.items() if value is not REQUIRED}


def _own(config: Config) -> list[tuple[str, Any]]:
    """Returns keys and values, without the search space and the place of the YAML."""
    return [
        (key, value)
        for key, value in config.items()
        if key not in (FOLDER_KEY, "yaml_path") and not key.startswith(SEARCH)
    ]
