"""Predicts the rows of a job, and prints and saves the results."""

from __future__ import annotations

import argparse
import os

import numpy as np

from engine.data import column_statistics
from engine.deployment.inference import benchmark_report, prediction
from engine.deployment.inference.job import Job
from engine.deployment.inference.labels import fields_of
from engine.deployment.predictors import opening
from engine.evaluation import predictions, task_metrics
from engine.evaluation.metrics import task_columns
from engine.evaluation.metrics.task_columns import Facts
from engine.system import logs


def run_job(job: Job, arguments: argparse.Namespace) -> None:
    """Predicts a job's rows and writes the results that the command line selects."""
    predictor = opening.open_predictor(job.model, job.options)
    facts = job.model.task_facts
    fields = fields_of(job.model, [spec.name for spec in predictor.outputs])
    source = job.source()
    column_statistics.report(source, "prediction data", os.path.dirname(job.model.prefix))
    result = prediction.predict(
        predictor,
        source,
        job.limit,
        arguments.warmup,
        arguments.repeat,
        fields,
        facts,
    )
    columns = task_columns.named_columns(result.outputs, facts)
    if arguments.show:
        logs.show(_first_rows(columns, result.labels, arguments.show))
    if arguments.save_predictions:
        predictions.write(arguments.save_predictions, columns)
    rows = len(next(iter(columns.values())))
    runtime = ", ".join(f"{name} {value}" for name, value in predictor.runtime.items())
    logs.show(f"{rows} rows, {result.rows_per_second:.0f} rows/s, {runtime}")
    labels = task_columns.counting_labels(result.labels, job.model.row_conditions())
    for task, truth in labels.items():
        for line in _metric_lines(task, truth, result.outputs.get(task), facts):
            logs.show(line)
    if arguments.benchmark or arguments.save_log_path:
        report = benchmark_report.collect(job, predictor, result, arguments)
        if arguments.benchmark:
            logs.show(benchmark_report.text(report))
        if arguments.save_log_path:
            benchmark_report.save(report, arguments.save_log_path)
            logs.wrote("the report", arguments.save_log_path)


def _metric_lines(
    task: str, labels: np.ndarray, output: np.ndarray | None, facts: Facts | None = None
) -> list[str]:
    """Returns the lines with a task's metrics; none if its output is not what its type predicts."""
    counted = task_columns.counted(labels)
    if not counted.any() and output is not None:
        return [f"task {task}: no labels in the data: predicted, not evaluated"]
    if output is not None and output.ndim > 1:
        is_probability = output.ndim == 2 and labels[counted].max(initial=-1) < output.shape[1]
        output = output if is_probability else None
    metrics = task_metrics.summary(task, labels, output, facts)
    if not metrics:
        return []
    lines = [f"{task}: " + ", ".join(f"{name} {value:.6f}" for name, value in metrics.items())]
    if np.isnan(metrics.get("auc", 0.0)):
        has_nan = np.isnan(output[counted]).any()
        reason = "a prediction is NaN" if has_nan else "all counted rows have the same label"
        lines.append(f"{task}: the AUC is undefined because {reason}")
    return lines


def _first_rows(
    columns_by_name: dict[str, np.ndarray], labels: dict[str, np.ndarray], number: int
) -> str:
    """Returns a table of the first rows' predictions, each beside its label."""
    rows = len(next(iter(columns_by_name.values())))
    columns = {"row": np.arange(rows)[:number].astype(str)}
    for name, values in columns_by_name.items():
        columns[name] = np.array([f"{value:.6f}" for value in values[:number]])
        if name in labels:
            columns[f"{name} label"] = labels[name][:number].astype(str)
    widths = [max(len(name), *map(len, values)) for name, values in columns.items()]
    lines = zip(*columns.values())
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths))
        for line in [columns, *lines]
    )
