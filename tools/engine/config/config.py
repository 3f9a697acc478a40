"""A configuration: a frozen mapping with flat keys."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator, Mapping
from typing import Any

from engine.config.runner_keys import PATHS, REQUIRED, RUNNER
from engine.system.errors import UserError


class Config(Mapping):
    """A frozen flat mapping: ``config.get("hyper_parameters.expert_num", 8)``.

    Values are as written. ``config.runner("epochs")`` adds the default of the ``runner.*``
    schema, and resolves paths: those of the YAML are relative to the YAML; those given with
    ``-o`` are relative to the current directory. What is read, and does not exist there, is
    also looked for beside the YAML; what is written is not.
    """

    def __init__(self, values: dict[str, Any], yaml_path: str, overridden: Iterable[str] = ()):
        self.yaml_path = yaml_path
        self.folder = os.path.dirname(yaml_path)
        self._overridden = frozenset(overridden)
        self._values = {**values, "config_abs_dir": self.folder, "yaml_path": yaml_path}

    def __getitem__(self, key: str) -> Any:
        return self._values[key]

    def __iter__(self) -> Iterator[str]:
        return iter(self._values)

    def __len__(self) -> int:
        return len(self._values)

    def runner(self, name: str) -> Any:
        """Returns the value of ``runner.<name>``, or its default; paths are absolute.

        Raises:
            UserError: the key has no default and is not set.
        """
        value = self.get(f"runner.{name}")
        if value is None:
            value = RUNNER[name].default
        if value is REQUIRED:
            raise UserError(f"{self.yaml_path}: runner.{name} is not set")
        kind = RUNNER[name].kind
        if kind in PATHS and value is not None:
            return self._absolute(f"runner.{name}", value, written=kind == "output path")
        return value

    def completed(self, values: Mapping[str, Any]) -> Config:
        """Returns the configuration with values that neither the YAML nor ``-o`` gave."""
        return Config({**self._values, **values}, self.yaml_path, self._overridden)

    def source(self, key: str) -> str:
        """Returns where a key was given: ``-o`` or the YAML's path."""
        return "-o" if key in self._overridden else self.yaml_path

    def error(self, key: str, problem: str) -> UserError:
        """Returns an error that names the key, its value and where the value was given."""
        return UserError(f"{self.source(key)}: {key} = {self.get(key)!r}: {problem}")

    def _absolute(self, key: str, value: str, written: bool) -> str:
        value = os.path.expanduser(value)
        beside_yaml = os.path.normpath(os.path.join(self.folder, value))
        if key not in self._overridden:
            return beside_yaml
        here = os.path.abspath(value)
        elsewhere = not written and not os.path.exists(here) and os.path.exists(beside_yaml)
        return beside_yaml if elsewhere else here
