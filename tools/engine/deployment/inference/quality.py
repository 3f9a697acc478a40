"""The quality of predictions: each task's main metrics over the rows that have a label."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np

from engine.deployment.inference.job import Job
from engine.deployment.inference.prediction import TimedPredictions
from engine.evaluation import task_metrics
from engine.evaluation.metrics import task_columns
from engine.evaluation.metrics.task_columns import Facts


class Quality(NamedTuple):
    """The quality of one task's predictions.

    Attributes:
        rows: the rows that count.
        metrics: the main metrics of the task's type; empty if there are none.
        reason: why a metric is NaN; empty if none is.
    """

    rows: int
    metrics: Mapping[str, float]
    reason: str = ""

    def lines(self, task: str) -> list[str]:
        """Returns the lines for the log."""
        if not self.rows:
            return [f"task {task}: no labels in the data: predicted, not evaluated"]
        shown = ", ".join(f"{name} {value:.6f}" for name, value in self.metrics.items())
        undefined = [name.upper() for name, value in self.metrics.items() if math.isnan(value)]
        lines = [f"{task}: {shown}"] if shown else []
        if undefined:
            lines.append(f"{task}: the {undefined[0]} is undefined because {self.reason}")
        return lines

    def entry(self) -> dict[str, Any]:
        """Returns the values for a report; None for an undefined metric."""
        defined = {k: None if math.isnan(v) else round(v, 6) for k, v in self.metrics.items()}
        return {"rows": self.rows, **defined}


def measure(job: Job, result: TimedPredictions) -> dict[str, Quality]:
    """Returns the quality of each task that has predictions; empty without labels.

    With ``runner.weighted_metrics`` sample weights weigh the rows.
    """
    weights = result.weights if job.config.runner("weighted_metrics") else {}
    labels = task_columns.counting_labels(result.labels, job.model.row_conditions())
    facts = job.model.task_facts
    return {
        task: quality_of(task, truth, result.outputs[task], facts, weights.get(task))
        for task, truth in labels.items()
        if task in result.outputs
    }


def quality_of(
    task: str,
    labels: np.ndarray,
    output: np.ndarray,
    facts: Facts | None = None,
    weights: np.ndarray | None = None,
) -> Quality:
    """Returns the quality of a task's predictions.

    Args:
        task: the task.
        labels: ``[n]``; negative or NaN in rows that do not count.
        output: ``[n]`` or ``[n, classes]``.
        facts: the export's ``task_facts``.
        weights: sample weights ``[n]``; None without.
    """
    counted = task_columns.counted(labels)
    rows = int(counted.sum())
    is_other = output.ndim > 2 or (
        output.ndim == 2 and labels[counted].max(initial=-1) >= output.shape[1]
    )
    if not rows or is_other:  # no probabilities of the classes that the labels name
        return Quality(rows, {})
    metrics = task_metrics.summary(task, labels, output, facts, weights)
    has_nan = np.isnan(output[counted]).any()
    reason = "a prediction is NaN" if has_nan else "all counted rows have the same label"
    return Quality(rows, metrics, reason)
