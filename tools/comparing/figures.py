"""Figures of cells over seeds: means, standard deviations and distances to a reference."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np

from comparing.results import Record
from comparing.schema import DataSet, Reference
from engine.config.runner_keys import METRICS

MAIN_METRICS = ("auc", "acc", "xauc", "mae")  # the first one that a task has
OTHER_METRICS = ("logloss", "calibration", "ece", "gauc")
OTHER_METRICS += tuple(name for name in METRICS if name not in MAIN_METRICS + OTHER_METRICS)
_OF_NUMBERS = {"xauc", "spearman", "mae", "rmse", "r2", "poisson_deviance"}
_BESIDE = {"xauc": "mae"}  # the order of numbers says nothing of their size


@dataclass(frozen=True)
class Spread:
    """A figure over seeds.

    Attributes:
        mean: the mean.
        deviation: the sample standard deviation; None with a single seed.
        count: the number of seeds.
    """

    mean: float
    deviation: float | None
    count: int

    def text(self, form: str) -> str:
        """Returns ``mean ± deviation``, both in a format such as ``.4f``."""
        mean = format(self.mean, form)
        return mean if self.deviation is None else f"{mean} ± {format(self.deviation, form)}"


def spread(values: Iterable[float | None]) -> Spread | None:
    """Returns a figure over seeds; None if a seed lacks it."""
    numbers = list(values)
    if not numbers or None in numbers:
        return None
    deviation = float(np.std(numbers, ddof=1)) if len(numbers) > 1 else None
    return Spread(float(np.mean(numbers)), deviation, len(numbers))


def by_model(records: Iterable[Record]) -> dict[str, list[Record]]:
    """Returns the records of each model, in their order."""
    models: dict[str, list[Record]] = {}
    for record in records:
        models.setdefault(record["model"], []).append(record)
    return models


def tasks(records: Iterable[Record]) -> list[str]:
    """Returns the tasks of all models, in their order."""
    return list(dict.fromkeys(task for record in records for task in record["tasks"]))


def main_metric(records: Iterable[Record], task: str) -> str | None:
    """Returns the main metric of a task; None if it was not measured."""
    measured = {name for record in records for name in record["tasks"].get(task, ())}
    return next((name for name in MAIN_METRICS if name in measured), None)


def main_metrics(records: Iterable[Record]) -> list[tuple[str, str]]:
    """Returns the columns of a page's main table: tasks and metrics.

    A task has its main metric. Beside the XAUC of a predicted number is its error.
    """
    records, columns = list(records), []
    for task in tasks(records):
        main = main_metric(records, task)
        names = [main, _BESIDE.get(main)]
        measured = {name for record in records for name in record["tasks"].get(task, ())}
        columns += [(task, name) for name in names if name in measured]
    return columns


def other_metrics(records: Iterable[Record]) -> dict[str, tuple[list[str], list[str]]]:
    """Returns the further metrics that were measured, of ``classes`` and of ``numbers``.

    Each entry has the tasks that predict these, and the metrics; there is none without metrics.
    """
    measured: dict[str, set[str]] = {}
    for record in records:
        for task, values in record["tasks"].items():
            measured.setdefault(task, set()).update(values)
    tasks_of: dict[str, list[str]] = {"classes": [], "numbers": []}
    for task, names in measured.items():
        tasks_of["numbers" if names & _OF_NUMBERS else "classes"].append(task)
    found = {}
    for kind, of_kind in tasks_of.items():
        all_names = set().union(*(measured[task] for task in of_kind))
        names = [name for name in OTHER_METRICS if name in all_names]
        if names:
            found[kind] = (of_kind, names)
    return found


def slices(records: Iterable[Record]) -> tuple[str, list[str]] | None:
    """Returns the column of ``runner.slice_by`` and its values; None without it."""
    for record in records:
        for values in record["tasks"].values():
            if "slices" in values:
                return values["slices"]["column"], list(values["slices"]["values"])
    return None


def of_slice(records: Iterable[Record], task: str, metric: str, value: str) -> Spread | None:
    """Returns a metric of a task in the rows of one value, over the records of one model."""
    of_tasks = (record["tasks"].get(task, {}).get("slices", {}) for record in records)
    return spread(each.get("values", {}).get(value, {}).get(metric) for each in of_tasks)


def of_task(records: Iterable[Record], task: str, metric: str | None) -> Spread | None:
    """Returns a metric of a task over the records of one model."""
    return spread(record["tasks"].get(task, {}).get(metric) for record in records)


def rows_per_second(record: Record) -> float | None:
    """Returns the speed of training: reading, steps and metrics, without start-up and saving."""
    return record["train_rows"] / record["train_seconds"] if record["train_seconds"] else None


def reference_line(data: DataSet) -> Reference | None:
    """Returns the reference that all models are compared with; None if there is none."""
    return next((each for each in data.references if each.model is None), None)


def distances(
    data: DataSet, records: list[Record], task: str
) -> tuple[Reference, dict[str, Spread]] | None:
    """Returns the reference and how far above it each model is; None if one of both is missing."""
    reference, metric = reference_line(data), main_metric(records, task)
    if reference is None or metric is None or task not in reference.figures(metric):
        return None
    goal = reference.figures(metric)[task]
    distances_by_model = {}
    for model, of_model in by_model(records).items():
        value = of_task(of_model, task, metric)
        if value:
            distances_by_model[model] = Spread(value.mean - goal, value.deviation, value.count)
    return (reference, distances_by_model) if distances_by_model else None


def curve(records: list[Record], name: str, metric: str) -> tuple[list[int], list[float]]:
    """Returns the epochs that have a metric, and its mean over seeds after each of them.

    Args:
        records: the records of one model.
        name: the curve: ``train``, ``valid`` or a name of the YAML.
        metric: the metric, such as ``auc_income``.
    """
    curves = [record["curves"].get(name, {}) for record in records]
    epochs = sorted({int(epoch) for by_epoch in curves for epoch in by_epoch})
    means = {
        epoch: spread(by_epoch.get(str(epoch), {}).get(metric) for by_epoch in curves)
        for epoch in epochs
    }
    known = {epoch: value.mean for epoch, value in means.items() if value}
    return list(known), list(known.values())
