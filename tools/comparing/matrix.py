"""The YAML of a comparison: which models, on which data, by which protocol, with which seeds."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase
from typing import Any

import yaml

from engine.config import yaml_files
from engine.config.runner_keys import METRICS
from engine.system.errors import UserError, nearest

LANGUAGES = ("en", "zh")
LAST, BEST, MEAN = "last", "best", "mean"
_NAME = re.compile(r"[A-Za-z0-9][\w.-]*")
_FIGURES = ("auc", "acc")


@dataclass(frozen=True)
class Reference:
    """Figures that a model is held against.

    Attributes:
        name: whose they are.
        source: where they are from, by language.
        model: the model that they are of; None if all are held against them.
        auc: by task; likewise ``acc``.
        acc: accuracies by task.
    """

    name: str
    source: Mapping[str, str]
    model: str | None
    auc: Mapping[str, float]
    acc: Mapping[str, float]

    def figures(self, metric: str) -> Mapping[str, float]:
        """Returns its figures of a metric, by task."""
        return {"auc": self.auc, "acc": self.acc}.get(metric, {})


@dataclass(frozen=True)
class Choice:
    """How the checkpoint that is tested is chosen.

    Attributes:
        by: the curve that chooses; None takes the last epoch.
        metric: the metric of that curve, such as ``auc_income``, or ``mean`` of all AUCs.
        best: whether the trainer's own choice is taken, by ``runner.valid_metric``.
    """

    by: str | None = None
    metric: str = MEAN
    best: bool = False


@dataclass(frozen=True)
class DataSet:
    """A data set and what all its models have in common.

    Attributes:
        name: its name in a cell's.
        title: what the pages call it.
        protocol: which rows train, choose and test, by language.
        curves: folders that are evaluated after every epoch, by name.
        choose: how the checkpoint is chosen.
        metrics: ``runner.metrics`` of the test.
        gauc_column: ``runner.gauc_column``.
        references: what models are held against; the first that is of all is the line.
    """

    name: str
    title: Mapping[str, str]
    protocol: Mapping[str, str]
    curves: Mapping[str, str]
    choose: Choice
    metrics: tuple[str, ...]
    gauc_column: str | None
    references: tuple[Reference, ...]


@dataclass(frozen=True)
class Cell:
    """One model on one data set from one seed.

    Attributes:
        data: the data set.
        model: what the pages call the model.
        yaml: its configuration's path.
        options: what ``-o`` gives besides.
        seed: ``runner.seed``.
    """

    data: DataSet
    model: str
    yaml: str
    options: tuple[str, ...]
    seed: int

    @property
    def name(self) -> str:
        """``data/model/seed``, which ``--only`` looks at."""
        return f"{self.data.name}/{self.model}/{self.seed}"


@dataclass(frozen=True)
class Matrix:
    """What is run together and shown together.

    Attributes:
        path: the YAML.
        name: its name there.
        results: folder for what cells measured.
        reports: folder for the pages.
        threads: of each command.
        cells: in their order.
    """

    path: str
    name: str
    results: str
    reports: str
    threads: int
    cells: tuple[Cell, ...]

    def chosen(self, patterns: list[str]) -> list[Cell]:
        """Returns the cells that one of the patterns fits; all without any.

        Raises:
            UserError: a pattern fits none.
        """
        for pattern in patterns:
            if not any(fnmatchcase(cell.name, pattern) for cell in self.cells):
                names = ", ".join(
                    dict.fromkeys(cell.name.rpartition("/")[0] for cell in self.cells)
                )
                raise UserError(f"--only {pattern}: fits no cell of {names}, each with its seeds")
        fits = [cell for cell in self.cells if any(fnmatchcase(cell.name, p) for p in patterns)]
        return fits if patterns else list(self.cells)


def load(path: str, name: str | None) -> Matrix:
    """Reads a YAML and returns one of its matrices.

    Args:
        path: the YAML.
        name: which; the first if None.

    Raises:
        UserError: it cannot be read, or says what nobody can run; in one line.
    """
    path = os.path.abspath(path)
    return _Reader(path).matrix(name)


class _Reader:
    """Checks a YAML as it reads it."""

    def __init__(self, path: str):
        self._path = path
        try:
            with open(path, encoding="utf-8-sig") as file:
                content, repeated = yaml_files.load(file)
        except OSError as error:
            raise UserError(f"{path}: {error.strerror}") from error
        except (yaml.YAMLError, ValueError) as error:
            mark = getattr(error, "problem_mark", None)
            place = f", line {mark.line + 1}" if mark else ""
            raise UserError(f"{path}{place}: {getattr(error, 'problem', None) or error}") from error
        if repeated:
            key, line = repeated[0]
            raise UserError(f"{path}, line {line}: {key} stands there twice")
        keys = {"results_dir": str, "threads": int, "seeds": list, "data": dict, "matrices": dict}
        self._content = self._section("", content, keys, {"results_dir", "data", "matrices"})

    def matrix(self, name: str | None) -> Matrix:
        every = self._content["matrices"]
        if not every:
            raise self._error("matrices", "expected at least one")
        for section in ("matrices", "data"):
            for one in self._content[section]:
                self._check_name(section, one)
        name = next(iter(every)) if name is None else name
        if name not in every:
            raise UserError(f"--matrix {name}: {self._path} has {', '.join(every)}")
        place = f"matrices.{name}"
        keys = {"data": list, "report_dir": str, "seeds": list, "threads": int}
        asked = self._section(place, every[name], keys, {"data", "report_dir"})
        seeds = asked.get("seeds", self._content.get("seeds", [12345]))
        cells = [cell for data in asked["data"] for cell in self._cells(place, data, seeds)]
        names = [cell.name for cell in cells]
        twice = [one for one in names if names.count(one) > 1]
        if not cells or twice:
            raise self._error(place, f"{twice[0]} is there twice" if twice else "it has no cells")
        threads = asked.get("threads", self._content.get("threads", 1))
        if threads < 1:
            raise self._error("threads", f"expected at least 1, found {threads}")
        results, reports = (
            self._beside(text) for text in (self._content["results_dir"], asked["report_dir"])
        )
        return Matrix(self._path, name, results, reports, threads, tuple(cells))

    def _cells(self, asking: str, name: Any, seeds: Any) -> Iterator[Cell]:
        known = self._content["data"]
        if not isinstance(name, str) or name not in known:
            raise self._error(asking, f"no data set {name}{nearest(str(name), known)}")
        place = f"data.{name}"
        keys = {
            "title": (str, dict),
            "protocol": (str, dict),
            "curves": dict,
            "choose": (str, dict),
            "metrics": list,
            "gauc_column": str,
            "references": list,
            "models": dict,
        }
        found = self._section(place, self._content["data"][name], keys, {"protocol", "models"})
        curves = self._texts(f"{place}.curves", found.get("curves", {}))
        metrics = found.get("metrics", ["auc", "acc", "logloss", "calibration", "ece"])
        if not metrics or not set(map(str, metrics)) <= set(METRICS):
            raise self._error(f"{place}.metrics", f"expected a list of {', '.join(METRICS)}")
        if "gauc" in metrics and not found.get("gauc_column"):
            raise self._error(f"{place}.metrics", "gauc needs gauc_column")
        data = DataSet(
            name,
            self._languages(f"{place}.title", found.get("title", name)),
            self._languages(f"{place}.protocol", found["protocol"]),
            {key: self._beside(folder) for key, folder in curves.items()},
            self._choice(f"{place}.choose", found.get("choose", LAST), curves),
            tuple(metrics),
            found.get("gauc_column"),
            tuple(
                self._reference(f"{place}.references", one, found["models"])
                for one in found.get("references", [])
            ),
        )
        for model, entry in found["models"].items():
            inside = f"{place}.models.{model}"
            self._check_name(inside, model)
            keys = {"yaml": str, "opt": list, "seeds": list}
            entry = self._section(inside, entry, keys, {"yaml"})
            path = self._beside(entry["yaml"])
            if not os.path.isfile(path):
                raise self._error(f"{inside}.yaml", f"there is no file {path}")
            options = entry.get("opt", [])
            wrong = [one for one in options if not isinstance(one, str) or "=" not in one]
            if wrong:
                raise self._error(f"{inside}.opt", f"expected key=value, found {wrong[0]!r}")
            own = entry.get("seeds", seeds)
            for seed in own:
                if type(seed) is not int or seed < 0:
                    raise self._error("seeds", f"expected integers of at least 0, found {seed!r}")
            yield from (Cell(data, model, path, tuple(options), seed) for seed in own)

    def _choice(self, place: str, value: Any, curves: Mapping) -> Choice:
        if value in (LAST, BEST):
            return Choice(best=value == BEST)
        if isinstance(value, str):
            raise self._error(place, f"expected {LAST}, {BEST} or {{by: ..., metric: ...}}")
        found = self._section(place, value, {"by": str, "metric": str}, {"by"})
        if found["by"] not in curves:
            known = ", ".join(curves) or "none"
            raise self._error(place, f"expected by to name one of curves ({known})")
        return Choice(found["by"], found.get("metric", MEAN))

    def _reference(self, place: str, value: Any, models: Mapping) -> Reference:
        keys = {"name": str, "source": (str, dict), "model": str, "auc": dict, "acc": dict}
        found = self._section(place, value, keys, {"name", "source"})
        if "model" in found and found["model"] not in models:
            raise self._error(place, f"no model {found['model']}{nearest(found['model'], models)}")
        figures = {name: found.get(name, {}) for name in _FIGURES}
        for number in (one for part in figures.values() for one in part.values()):
            if not isinstance(number, float) or not 0 < number < 1:
                raise self._error(place, f"expected figures between 0 and 1, found {number!r}")
        if not any(figures.values()):
            raise self._error(place, f"{found['name']}: expected {' or '.join(_FIGURES)} by task")
        source = self._languages(place, found["source"])
        return Reference(found["name"], source, found.get("model"), **figures)

    def _section(self, place: str, value: Any, keys: Mapping, required: set[str]) -> dict:
        """Returns a mapping whose keys and types are as expected."""
        if not isinstance(value, dict):
            raise self._error(place, f"expected keys among {', '.join(keys)}, found {value!r:.60}")
        for key in required - value.keys():
            raise self._error(place, f"{key} is not set")
        for key, one in value.items():
            if key not in keys:
                raise self._error(place, f"unknown key {key}{nearest(str(key), keys)}")
            if not isinstance(one, keys[key]) or isinstance(one, bool):
                kinds = keys[key] if isinstance(keys[key], tuple) else (keys[key],)
                words = " or ".join(_KINDS[kind] for kind in kinds)
                raise self._error(
                    f"{place}.{key}".lstrip("."), f"expected {words}, found {one!r:.60}"
                )
        return value

    def _languages(self, place: str, value: str | dict) -> dict[str, str]:
        """Returns a text in every language; one that is given once is that in all."""
        if isinstance(value, str):
            return dict.fromkeys(LANGUAGES, value)
        return self._section(place, value, dict.fromkeys(LANGUAGES, str), set(LANGUAGES))

    def _texts(self, place: str, value: Mapping) -> Mapping[str, str]:
        for key, one in value.items():
            self._check_name(place, key)
            if not isinstance(one, str):
                raise self._error(place, f"{key}: expected a folder, found {one!r:.60}")
        return value

    def _check_name(self, place: str, name: Any) -> None:
        if not isinstance(name, str) or not _NAME.fullmatch(name):
            problem = f"expected a name of letters, digits, dots, _ and -, found {name!r:.60}"
            raise self._error(place, problem)

    def _beside(self, path: str) -> str:
        joined = os.path.join(os.path.dirname(self._path), os.path.expanduser(path))
        return os.path.normpath(joined)

    def _error(self, place: str, problem: str) -> UserError:
        return UserError(f"{self._path}: {f'{place}: ' if place else ''}{problem}")


_KINDS = {str: "a text", int: "an integer", list: "a list", dict: "keys and values"}
