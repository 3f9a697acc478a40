"""Writes the YAML of the best trial, which is complete and lies in the folder of the model."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from engine.config import keys
from engine.config.config import Config
from engine.config.load import SEARCH, read_yaml
from engine.config.runner_keys import RUNNER
from engine.config.yaml_scalars import Dumper
from engine.system import atomic_files
from engine.system.errors import UserError

_FIRST = "# Written by tools/search.py"
_SECTION = SEARCH.rstrip(".")


class _Dumper(Dumper):
    """Writes lists in one line."""

    def ignore_aliases(self, data: Any) -> bool:
        """Writes repeated values in full, without YAML aliases."""
        return True


def _represent_list(dumper: _Dumper, items: list) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=True)


_Dumper.add_representer(list, _represent_list)


def default_path(config: Config) -> str:
    """Returns the default of ``--output``."""
    return f"{os.path.splitext(config.yaml_path)[0]}_tuned.yaml"


def check(config: Config, path: str) -> None:
    """Checks that the YAML can be written to a path, and that trainer.py can run it there.

    Raises:
        UserError: it cannot.
    """
    folder = os.path.dirname(path)
    if os.path.realpath(folder) != os.path.realpath(config.folder):
        problem = f"expected a file in {config.folder}, the folder of the model"
        raise UserError(f"--output {path}: {problem}")
    if not path.endswith(".yaml"):
        raise UserError(f"--output {path}: expected a file name that ends in .yaml")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(f"--output {path}: no permission to write in {folder}")
    if os.path.lexists(path) and not _is_written_by_search(path):
        problem = "this file exists and was not written by tools/search.py"
        raise UserError(f"--output {path}: {problem}; choose another name")


def _is_written_by_search(path: str) -> bool:
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        return file.read(len(_FIRST)) == _FIRST.encode()


def content(config: Config, overrides: Iterable[str], values: Mapping[str, Any]) -> dict:
    """Returns the content of a YAML with other values and without its search space.

    Args:
        config: the configuration.
        overrides: the values of ``-o``; their paths become absolute.
        values: further values by key.
    """
    tree, _ = read_yaml(config.yaml_path)
    overridden = {}
    for key in (text.partition("=")[0] for text in overrides):
        name = key.partition(".")[2]
        is_path = key.startswith("runner.") and name in RUNNER and "path" in RUNNER[name].kind
        key = whole(config, key)
        overridden[key] = config.runner(name) if is_path else config[key]
    for key, value in {**overridden, **values}.items():
        _set(tree, key, value)
    return {
        key: value
        for key, value in tree.items()
        if key != _SECTION and not str(key).startswith(SEARCH)
    }


def whole(config: Config, key: str) -> str:
    """Returns the key under which a configuration has a value: of a block that is one value."""
    return key if key in config else keys.owner_of(key, config)


def evaluation(config: Config) -> dict[str, Any]:
    """Returns the keys with which the YAML evaluates its own best checkpoint.

    The trial's value is that of its best checkpoint, whose epoch the YAML's ``infer_end_epoch`` may
    leave out. The run gets a folder of its own, because the folder of ``-m`` may hold another run.
    """
    saved, loaded = config.runner("model_save_path"), config.runner("infer_load_path")
    key = "runner.model_save_path"
    path = saved if config.source(key) == "-o" else config.get(key)
    path = f"{(path or RUNNER['model_save_path'].default).rstrip('/')}_tuned"
    values = {key: path, "runner.infer_checkpoint": "best"}
    return {**values, "runner.infer_load_path": path} if loaded in (None, saved) else values


def _set(tree: dict, key: str, value: Any) -> None:
    """Sets a key by its full name where a tree has it; a key of the tree may be ``a.b`` itself."""
    parts = key.split(".")
    if key not in tree:
        for end in range(len(parts) - 1, 0, -1):
            inner = tree.get(".".join(parts[:end]))
            if isinstance(inner, dict):
                _set(inner, ".".join(parts[end:]), value)
                return
        if len(parts) > 1:
            tree[parts[0]] = {}
            _set(tree[parts[0]], ".".join(parts[1:]), value)
            return
    tree[key] = value


def write(path: str, tree: Mapping[str, Any], comments: Iterable[str]) -> None:
    """Writes a YAML, completely or not at all.

    Args:
        path: the file.
        tree: the content.
        comments: comment lines, after the first one.

    Raises:
        UserError: the file cannot be written.
    """
    lines = [_FIRST, *(f"# {' '.join(line.split())}" for line in comments), ""]
    text = "\n".join(lines) + yaml.dump(
        dict(tree), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100
    )
    atomic_files.write_text(path, text)
