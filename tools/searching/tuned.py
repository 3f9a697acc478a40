"""The YAML of the best trial: complete, beside the one that was searched from."""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping
from typing import Any

import yaml

from engine.config.config import Config
from engine.config.load import SEARCH, read_yaml
from engine.config.runner_keys import RUNNER
from engine.config.yaml_scalars import Dumper
from engine.system import atomic_files
from engine.system.errors import UserError

_FIRST = "# Written by tools/search.py"
_SECTION = SEARCH.rstrip(".")


class _Dumper(Dumper):
    """Writes lists as the YAMLs here have them, in one line."""

    def ignore_aliases(self, data: Any) -> bool:
        """Writes out what stands there twice."""
        return True


def _list(dumper: _Dumper, items: list) -> yaml.Node:
    return dumper.represent_sequence("tag:yaml.org,2002:seq", items, flow_style=True)


_Dumper.add_representer(list, _list)


def default(config: Config) -> str:
    """Returns where it is written if the command line does not say."""
    return f"{os.path.splitext(config.yaml_path)[0]}_tuned.yaml"


def check(config: Config, path: str) -> None:
    """Makes sure that it can be written there, and that trainer.py can then run it.

    Raises:
        UserError: it cannot.
    """
    folder = os.path.dirname(path)
    if os.path.realpath(folder) != os.path.realpath(config.folder):
        problem = f"expected a file in {config.folder}: a YAML lies in its model's folder"
        raise UserError(f"--output {path}: {problem}")
    if not path.endswith(".yaml"):
        raise UserError(f"--output {path}: expected a file name that ends in .yaml")
    if not os.access(folder, os.W_OK | os.X_OK):
        raise UserError(f"--output {path}: no permission to write in {folder}")
    if os.path.lexists(path) and not _is_own(path):
        raise UserError(f"--output {path}: it is there, and was not written by tools/search.py")


def _is_own(path: str) -> bool:
    if not os.path.isfile(path):
        return False
    with open(path, "rb") as file:
        return file.read(len(_FIRST)) == _FIRST.encode()


def content(config: Config, overrides: Iterable[str], values: Mapping[str, Any]) -> dict:
    """Returns what a YAML says with what ``-o`` gave and with some values; without its space.

    Args:
        config: the configuration.
        overrides: what ``-o`` gave; its paths, which are the current folder's, become absolute.
        values: by their keys.
    """
    tree, _ = read_yaml(config.yaml_path)
    found = {}
    for key in (text.partition("=")[0] for text in overrides):
        name = key.partition(".")[2]
        is_path = key.startswith("runner.") and name in RUNNER and "path" in RUNNER[name].kind
        found[key] = config.runner(name) if is_path else config[key]
    for key, value in {**found, **values}.items():
        _set(tree, key, value)
    return {
        key: value
        for key, value in tree.items()
        if key != _SECTION and not str(key).startswith(SEARCH)
    }


def _set(tree: dict, key: str, value: Any) -> None:
    """Sets a key by its full name, wherever a tree has it; ``a.b`` may stand there as such."""
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
    """Writes it, whole or not at all.

    Args:
        path: the file.
        tree: what it says.
        comments: lines that follow the first.

    Raises:
        UserError: it cannot be written.
    """
    lines = [_FIRST, *(f"# {' '.join(line.split())}" for line in comments), ""]
    text = "\n".join(lines) + yaml.dump(
        dict(tree), Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=100
    )
    atomic_files.write_text(path, text)
