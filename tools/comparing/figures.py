"""What cells measured, over seeds: means, deviations, and the distance to a reference."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import numpy as np

from comparing.matrix import DataSet, Reference

MAIN = ("auc", "acc")  # what a task is first judged by: the one it has
BESIDES = ("logloss", "calibration", "ece", "gauc")

Record = dict[str, Any]  # a finished cell's file


@dataclass(frozen=True)
class Spread:
    """A figure over seeds.

    Attributes:
        mean: the mean.
        deviation: the standard deviation, of a sample; None of a single seed.
        count: how many seeds.
    """

    mean: float
    deviation: float | None
    count: int

    def text(self, form: str) -> str:
        """Returns ``mean ± deviation``, each in a format such as ``.4f``."""
        shown = format(self.mean, form)
        return shown if self.deviation is None else f"{shown} ± {format(self.deviation, form)}"


def spread(values: Iterable[float | None]) -> Spread | None:
    """Returns a figure over seeds; None if a seed has none."""
    found = list(values)
    if not found or any(value is None for value in found):
        return None
    deviation = float(np.std(found, ddof=1)) if len(found) > 1 else None
    return Spread(float(np.mean(found)), deviation, len(found))


def by_model(records: Iterable[Record]) -> dict[str, list[Record]]:
    """Returns the records of each model, in their order."""
    found: dict[str, list[Record]] = {}
    for record in records:
        found.setdefault(record["model"], []).append(record)
    return found


def tasks(records: Iterable[Record]) -> list[str]:
    """Returns all tasks that some model has, in their order."""
    return list(dict.fromkeys(task for record in records for task in record["tasks"]))


def main_metric(records: Iterable[Record], task: str) -> str | None:
    """Returns what a task is first judged by; None if it was not measured."""
    found = [record["tasks"][task] for record in records if task in record["tasks"]]
    return next((name for name in MAIN if any(name in figures for figures in found)), None)


def of_task(records: Iterable[Record], task: str, metric: str | None) -> Spread | None:
    """Returns a figure of a task over one model's records."""
    return spread(record["tasks"].get(task, {}).get(metric) for record in records)


def rows_per_second(record: Record) -> float | None:
    """Returns how fast a cell trained: reading, steps and metrics, without start-up and saving."""
    return record["train_rows"] / record["train_seconds"] if record["train_seconds"] else None


def line(data: DataSet) -> Reference | None:
    """Returns the reference that all models are held against."""
    return next((one for one in data.references if one.model is None), None)


def distances(
    data: DataSet, records: list[Record], task: str
) -> tuple[Reference, dict[str, Spread]] | None:
    """Returns the reference, and how far above it each model is; None without either."""
    reference, metric = line(data), main_metric(records, task)
    if reference is None or metric is None or task not in reference.figures(metric):
        return None
    goal = reference.figures(metric)[task]
    found = {}
    for model, own in by_model(records).items():
        measured = of_task(own, task, metric)
        if measured:
            found[model] = Spread(measured.mean - goal, measured.deviation, measured.count)
    return (reference, found) if found else None


def curve(records: list[Record], name: str, metric: str) -> tuple[list[int], list[float]]:
    """Returns epochs, and a metric's mean over seeds after each; epochs that lack it are left out.

    Args:
        records: of one model.
        name: the curve, ``train`` or one that the YAML names.
        metric: such as ``auc_income``.
    """
    own = [record["curves"].get(name, {}) for record in records]
    epochs = sorted({int(epoch) for found in own for epoch in found})
    means = {
        epoch: spread(found.get(str(epoch), {}).get(metric) for found in own) for epoch in epochs
    }
    known = {epoch: value.mean for epoch, value in means.items() if value}
    return list(known), list(known.values())
