"""A configuration: a read-only mapping with full keys such as ``runner.epochs``."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from engine.config import keys, yaml_files
from engine.config.runner_key import PATHS, REQUIRED
from engine.config.runner_keys import RUNNER
from engine.system import paths
from engine.system.errors import UserError

FOLDER_KEY = "config_abs_dir"  # PaddleRec's key of the model's folder


class Config(Mapping):
    """A read-only mapping by full keys: ``config.get("hyper_parameters.expert_num", 8)``.

    It contains the values as they are written. ``config.runner("epochs")`` also uses the key's
    default, and resolves paths. A relative path of the YAML is relative to the YAML. A relative
    path given with ``-o`` is relative to the current directory. If a path to read does not exist
    there, it is also looked for beside the YAML; a path to write is not.

    Args:
        values: the values by full key.
        yaml_path: the absolute path of the YAML.
        overridden: the keys that ``-o`` sets.
        derived: the keys whose values follow from the data.

    Attributes:
        yaml_path: the absolute path of the YAML.
        folder: the model's folder: that of the YAML, or ``config_abs_dir`` of a saved one.
        derived: the keys whose values follow from the data.
    """

    def __init__(
        self,
        values: dict[str, Any],
        yaml_path: str,
        overridden: Iterable[str] = (),
        derived: Iterable[str] = (),
    ):
        self.yaml_path = yaml_path
        self.folder = values.get(FOLDER_KEY) or os.path.dirname(yaml_path)
        self.derived = frozenset(derived)
        self._overridden = frozenset(overridden)
        self._values = {**values, FOLDER_KEY: self.folder, "yaml_path": yaml_path}

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def runner(self, name: str) -> Any:
        """Returns the value of ``runner.<name>``, or its default; paths are absolute.

        The value of a key for several paths is a list, also if it has one path.

        Raises:
            UserError: the key is required and not set.
        """
        value = self.get(f"runner.{name}")
        if value is None:
            value = RUNNER[name].default
        if value is REQUIRED:
            raise UserError(f"{self.source(f'runner.{name}')}: runner.{name} is not set")
        kind = RUNNER[name].kind
        if kind == "paths" and value is not None:
            each = value if isinstance(value, list) else [value]
            return [self._resolve(f"runner.{name}", path, is_output=False) for path in each]
        if kind in PATHS and value is not None:
            return self._resolve(f"runner.{name}", value, is_output=kind == "output path")
        return value

    def completed(self, values: Mapping[str, Any]) -> Config:
        """Returns a copy with values that follow from the data."""
        derived = self.derived | (values.keys() - self._values.keys())
        return Config({**self._values, **values}, self.yaml_path, self._overridden, derived)

    def source(self, key: str) -> str:
        """Returns where a key is set: ``-o``, or the path of the YAML and the line if known.

        Args:
            key: a full key, or one of a block that is one value, such as
                ``hyper_parameters.bottom.layers``.
        """
        if key in self._overridden or keys.owner_of(key, self._overridden):
            return "-o"
        return yaml_files.place(self.yaml_path, key)

    def error(self, key: str, problem: str) -> UserError:
        """Returns an error that names the key, its value and where it is set."""
        return UserError(f"{self.source(key)}: {key} = {self.get(key)!r}: {problem}")

    def _resolve(self, key: str, value: str, is_output: bool) -> str:
        """Returns an absolute path."""
        value = paths.expand_home(value)
        beside_yaml = os.path.normpath(os.path.join(self.folder, value))
        if key not in self._overridden:
            return beside_yaml
        path = os.path.abspath(value)
        if not is_output and not os.path.exists(path) and os.path.exists(beside_yaml):
            return beside_yaml
        return path
