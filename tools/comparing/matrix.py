"""A matrix of a comparison: its cells, each one model on one data set with one seed."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fnmatch import fnmatchcase

from comparing.schema import Comparison, DataSet, MatrixEntry, Translations
from engine.config import yaml_files, yaml_models
from engine.system.errors import UserError, nearest


@dataclass(frozen=True)
class Cell:
    """One model on one data set with one seed.

    Attributes:
        data_name: the name of the data set.
        data: the data set.
        model: the name of the model on the pages.
        yaml: path of the model's configuration.
        options: values for ``-o``.
        seed: ``runner.seed``.
    """

    data_name: str
    data: DataSet
    model: str
    yaml: str
    options: tuple[str, ...]
    seed: int

    @property
    def name(self) -> str:
        """``data/model/seed``, which the patterns of ``--only`` match."""
        return f"{self.data_name}/{self.model}/{self.seed}"


@dataclass(frozen=True)
class Matrix:
    """Cells that run together and that the same pages show.

    Attributes:
        path: the YAML.
        name: the name of the matrix in the YAML.
        results: folder for the results of the cells.
        reports: folder for the pages.
        threads: threads of each command.
        data: the data sets by name.
        cells: the cells in their order.
    """

    path: str
    name: str
    results: str
    reports: str
    threads: int
    data: Mapping[str, DataSet]
    cells: tuple[Cell, ...]

    def select(self, patterns: list[str]) -> list[Cell]:
        """Returns the cells that match one of the patterns; all cells without patterns.

        Raises:
            UserError: a pattern matches no cell.
        """
        for pattern in patterns:
            if not any(fnmatchcase(cell.name, pattern) for cell in self.cells):
                models = dict.fromkeys(f"{cell.data_name}/{cell.model}" for cell in self.cells)
                known = ", ".join(models)
                raise UserError(f"--only {pattern}: matches no cell data/model/seed of {known}")
        matching = [cell for cell in self.cells if any(fnmatchcase(cell.name, p) for p in patterns)]
        return matching if patterns else list(self.cells)


def load(path: str, name: str | None) -> Matrix:
    """Reads a YAML and returns one of its matrices.

    Args:
        path: the YAML.
        name: the matrix; None for the first one.

    Raises:
        UserError: the YAML cannot be read or is wrong.
    """
    path = os.path.abspath(path)
    content, repeated = yaml_files.read(path)
    if repeated:
        key, line = repeated[0]
        raise UserError(f"{path}, line {line}: {key} is set twice")
    comparison = yaml_models.read(Comparison, content, path, {"folder": os.path.dirname(path)})
    if name is None:
        name = next(iter(comparison.matrices))
    if name not in comparison.matrices:
        known = ", ".join(comparison.matrices)
        raise UserError(f"--matrix {name}: {path} has no such matrix, only {known}")
    matrix = comparison.matrices[name]
    place = f"{path}: matrices.{name}"
    for data in matrix.data:
        if data not in comparison.data:
            raise UserError(f"{place}: no data set {data}{nearest(data, comparison.data)}")
    data_sets = {data: _with_title(data, comparison.data[data]) for data in matrix.data}
    cells = tuple(_cells(data_sets, matrix, comparison.seeds))
    names = [cell.name for cell in cells]
    repeated_names = [name for name in names if names.count(name) > 1]
    if repeated_names:
        raise UserError(f"{place}: cell {repeated_names[0]} is listed twice")
    if not cells:
        raise UserError(f"{place}: its data sets have no models or no seeds")
    return Matrix(
        path,
        name,
        comparison.results_dir,
        matrix.report_dir,
        matrix.threads or comparison.threads,
        data_sets,
        cells,
    )


def _with_title(name: str, data: DataSet) -> DataSet:
    if data.title is not None:
        return data
    return data.model_copy(update={"title": Translations(en=name, zh=name)})


def _cells(
    data_sets: Mapping[str, DataSet], matrix: MatrixEntry, default_seeds: list[int]
) -> Iterator[Cell]:
    seeds = default_seeds if matrix.seeds is None else matrix.seeds
    for name in matrix.data:
        data = data_sets[name]
        for model, entry in data.models.items():
            for seed in seeds if entry.seeds is None else entry.seeds:
                yield Cell(name, data, model, entry.yaml, tuple(entry.opt), seed)
