"""Which values a search may take, and of which keys."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from engine.config.config import Config
from engine.config.load import SEARCH, flat, load_config, read_yaml
from engine.model_folder.loading import hyper_parameters
from engine.system.errors import UserError, nearest

# What changes how a run trains, and neither what it reads and writes nor what it is judged by.
RUNNER = (
    "drop_last",
    "early_stopping_min_delta",
    "early_stopping_patience",
    "ema_decay",
    "epochs",
    "shuffle",
    "train_batch_size",
    "valid_interval",
)
_RANGE = {"low", "high", "step", "log"}
_FORM = "expected {low: ..., high: ..., step: ..., log: ...} or {choices: [...]}"


@dataclass(frozen=True)
class Range:
    """Numbers from ``low`` to ``high``, both included; integers if both are.

    Attributes:
        low: the least.
        high: the most.
        step: between neighbours; 1 of integers, and None for any number between, if not given.
        log: whether they are drawn by their logarithms.
    """

    low: float
    high: float
    step: float | None
    log: bool

    def suggested(self, trial: Any, key: str) -> Any:
        """Returns what Optuna suggests a trial to take."""
        if isinstance(self.low, int):
            return trial.suggest_int(key, self.low, self.high, step=self.step or 1, log=self.log)
        found = trial.suggest_float(key, self.low, self.high, step=self.step, log=self.log)
        return found if self.step is None else float(f"{found:.12g}")  # 0.3, not 0.1 + 0.1 + 0.1

    def ends(self) -> list[Any]:
        """Returns values by which a key tells whether it takes such."""
        return [self.low, self.high]


@dataclass(frozen=True)
class Choices:
    """Some values of any kind.

    Attributes:
        values: by the names that Optuna knows them by.
    """

    values: Mapping[str, Any]

    def suggested(self, trial: Any, key: str) -> Any:
        """Returns what Optuna suggests a trial to take."""
        return self.values[trial.suggest_categorical(key, list(self.values))]

    def ends(self) -> list[Any]:
        """Returns all of them."""
        return list(self.values.values())


Space = Mapping[str, "Range | Choices"]


def read(config: Config, path: str | None, overrides: list[str]) -> Space:
    """Returns the space of a configuration, checked.

    Args:
        config: the configuration; its ``search`` section is the space.
        path: a YAML that says the same in that section's place.
        overrides: what ``-o`` has said.

    Raises:
        UserError: there is no space, or the configuration does not take its values.
    """
    if path:
        content, repeated = read_yaml(path)
        if repeated:
            raise UserError(f"{path}: {repeated[0][0]} stands there twice")
        found, place = dict(flat(content)), path
    else:
        found = {key[len(SEARCH) :]: config[key] for key in config if key.startswith(SEARCH)}
        place = f"{config.yaml_path}: search"
    if not found:
        raise UserError(f"{config.yaml_path}: there is no section search, nor --space: no space")
    parts: dict[str, dict[str, Any]] = {}
    for name, value in found.items():
        key, _, part = name.rpartition(".")
        parts.setdefault(key, {})[part] = value
    given = {text.partition("=")[0] for text in overrides}
    space = {}
    for key, entry in parts.items():
        section, _, name = key.partition(".")
        if section != "hyper_parameters" and not (section == "runner" and name in RUNNER):
            known = [f"runner.{one}" for one in RUNNER]
            problem = f"expected a key of hyper_parameters, or one of {', '.join(known)}"
            raise UserError(f"{place}: {key}: {problem}{nearest(key, known)}")
        if key in given:
            raise UserError(f"-o {key}: the search chooses it ({place})")
        space[key] = _checked(f"{place}: {key}", entry)
        for value in space[key].ends():  # as a person would type it
            try:
                load_config(config.yaml_path, [*overrides, text(key, value)], hyper_parameters)
            except UserError as error:
                raise UserError(f"{place}: {error}") from error
    return space


def text(key: str, value: Any) -> str:
    """Returns a key and a value as ``-o`` takes them."""
    return f"{key}={value if isinstance(value, str) else json.dumps(value)}"


def plain(space: Space) -> dict[str, Any]:
    """Returns a space as JSON knows it, the same for equal spaces."""
    return {
        key: list(one.values) if isinstance(one, Choices) else vars(one)
        for key, one in sorted(space.items())
    }


def _checked(place: str, entry: dict[str, Any]) -> Range | Choices:
    if entry.keys() == {"choices"}:
        return _choices(place, entry["choices"])
    if not {"low", "high"} <= entry.keys() <= _RANGE:
        raise UserError(f"{place}: {_FORM}, found {entry!r:.80}")
    low, high, step = entry["low"], entry["high"], entry.get("step")
    log = entry.get("log", False)
    numbers = {"low": low, "high": high, "step": 1 if step is None else step}
    for name, value in numbers.items():
        if type(value) not in (int, float) or not math.isfinite(value):
            raise UserError(f"{place}: {name}: expected a number, found {value!r:.60}")
    if type(log) is not bool:
        raise UserError(f"{place}: log: expected True or False, found {log!r:.60}")
    if low > high:
        raise UserError(f"{place}: low = {low} is more than high = {high}")
    if log and (step is not None or low <= 0):
        problem = (
            "log goes without step" if step is not None else f"log needs low above 0, found {low}"
        )
        raise UserError(f"{place}: {problem}")
    if step is not None and step <= 0:
        raise UserError(f"{place}: step: expected more than 0, found {step}")
    if not all(isinstance(number, int) for number in numbers.values()):
        low, high, step = float(low), float(high), step and float(step)
    return Range(low, high, step, log)


def _choices(place: str, given: Any) -> Choices:
    if not isinstance(given, list) or not given:
        raise UserError(f"{place}: choices: expected a list, found {given!r:.60}")
    values = {one if isinstance(one, str) else json.dumps(one): one for one in given}
    if len(values) < len(given):
        raise UserError(f"{place}: choices: two are the same in {given!r:.80}")
    return Choices(values)
