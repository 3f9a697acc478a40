"""Reads a search space: the keys of a search, and the values that each key may take."""

# No annotations from __future__: Pydantic evaluates them, and Python 3.9 has no `X | None`.
import json
import math
from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Optional, Union

from engine.config import yaml_models
from engine.config.config import Config
from engine.config.load import SEARCH, flat, load_config, read_yaml
from engine.config.yaml_models import AfterValidator, Entry, Field, model_validator
from engine.model_folder.loading import hyper_parameters
from engine.system.errors import UserError, nearest

# Keys that change how a run trains, but not what it reads, writes or is evaluated by.
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
_FORM = "expected {low: ..., high: ..., step: ..., log: ...} or {choices: [...]}"


def _check_number(number: Any) -> Any:
    if type(number) not in (int, float) or not math.isfinite(number):
        raise ValueError(f"expected a number, found {number!r:.60}")
    return number


Number = Annotated[Any, AfterValidator(_check_number)]


class Range(Entry):
    """Numbers from ``low`` to ``high``, both included; integers if all numbers are integers.

    Attributes:
        low: the smallest number.
        high: the largest number.
        step: the distance of neighbours; None for 1 with integers, for any number without.
        log: whether to sample on a logarithmic scale.
    """

    low: Number
    high: Number
    step: Optional[Number] = None
    log: bool = False

    @model_validator(mode="after")
    def _check(self) -> "Range":
        if self.low > self.high:
            raise ValueError(f"low = {self.low} is more than high = {self.high}")
        if self.log and self.step is not None:
            raise ValueError("log and step cannot be used together")
        if self.log and self.low <= 0:
            raise ValueError(f"low: expected more than 0 with log, found {self.low}")
        if self.step is not None and self.step <= 0:
            raise ValueError(f"step: expected more than 0, found {self.step}")
        return self

    @property
    def _kind(self) -> type:
        numbers = (self.low, self.high, 1 if self.step is None else self.step)
        return int if all(isinstance(number, int) for number in numbers) else float

    def suggest(self, trial: Any, key: str) -> Any:
        """Returns the value that Optuna suggests for a trial."""
        low, high = self.bounds()
        if self._kind is int:
            return trial.suggest_int(key, low, high, step=self.step or 1, log=self.log)
        step = None if self.step is None else float(self.step)
        number = trial.suggest_float(key, low, high, step=step, log=self.log)
        return number if step is None else float(f"{number:.12g}")  # 0.3, not 0.1 + 0.1 + 0.1

    def bounds(self) -> list[Any]:
        """Returns the smallest and the largest value."""
        return [self._kind(self.low), self._kind(self.high)]

    def plain(self) -> Any:
        """Returns the range in JSON's types."""
        return self.model_dump()


class Choices(Entry):
    """A list of values of any kind."""

    choices: list[Any] = Field(min_length=1)

    @model_validator(mode="after")
    def _check(self) -> "Choices":
        if len(self._named()) < len(self.choices):
            raise ValueError(f"choices: a value is listed twice in {self.choices!r:.80}")
        return self

    def _named(self) -> dict[str, Any]:
        """Returns the values by the names that Optuna gets."""
        return {
            value if isinstance(value, str) else json.dumps(value): value for value in self.choices
        }

    def suggest(self, trial: Any, key: str) -> Any:
        """Returns the value that Optuna suggests for a trial."""
        named = self._named()
        return named[trial.suggest_categorical(key, list(named))]

    def bounds(self) -> list[Any]:
        """Returns all values."""
        return self.choices

    def plain(self) -> Any:
        """Returns the names of the values."""
        return list(self._named())


Space = Mapping[str, Union[Range, Choices]]


def read(config: Config, path: Optional[str], overrides: list[str]) -> Space:
    """Returns the search space of a configuration, by the full names of its keys.

    Args:
        config: the configuration; its section ``search`` is the space.
        path: a YAML with a space that replaces the section.
        overrides: the values of ``-o``.

    Raises:
        UserError: there is no space, or the configuration refuses one of its values.
    """
    if path:
        content, repeated = read_yaml(path)
        if repeated:
            raise UserError(f"{path}: {repeated[0][0]} is set twice")
        values, place = dict(flat(content)), path
    else:
        values = {key[len(SEARCH) :]: config[key] for key in config if key.startswith(SEARCH)}
        place = f"{config.yaml_path}: search"
    if not values:
        problem = "there is no search space; add a section search, or use --space YAML"
        raise UserError(f"{config.yaml_path}: {problem}")
    entries: dict[str, dict[str, Any]] = {}
    for name, value in values.items():
        key, _, part = name.rpartition(".")
        entries.setdefault(key, {})[part] = value
    space = {}
    for key, entry in entries.items():
        _check_key(place, key, overrides)
        if not entry.keys() & {"low", "high", "choices"}:
            raise UserError(f"{place}: {key}: {_FORM}, found {entry!r:.80}")
        kind = Choices if "choices" in entry else Range
        space[key] = yaml_models.read(kind, entry, f"{place}: {key}")
        for value in space[key].bounds():
            try:  # by the rules of -o
                load_config(config.yaml_path, [*overrides, option(key, value)], hyper_parameters)
            except UserError as error:
                raise UserError(f"{place}: {error}") from error
    return space


def _check_key(place: str, key: str, overrides: Iterable[str]) -> None:
    section, _, name = key.partition(".")
    if section != "hyper_parameters" and not (section == "runner" and name in RUNNER):
        known = [f"runner.{each}" for each in RUNNER]
        problem = f"expected a key of hyper_parameters, or one of {', '.join(known)}"
        raise UserError(f"{place}: {key}: {problem}{nearest(key, known)}")
    if key in (override.partition("=")[0] for override in overrides):
        raise UserError(f"-o {key}: this key is in the search space too ({place}); remove one")


def option(key: str, value: Any) -> str:
    """Returns a key and a value in the form of ``-o``."""
    return f"{key}={value if isinstance(value, str) else json.dumps(value)}"
