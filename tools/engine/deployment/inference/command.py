"""Predicts the rows of a job, and prints and saves the results."""

from __future__ import annotations

import argparse
import os
from collections.abc import Sequence

import numpy as np

from engine.data import column_statistics
from engine.deployment.inference import benchmark_report, prediction, quality
from engine.deployment.inference.job import Job
from engine.deployment.inference.labels import fields_of
from engine.deployment.inference.prediction import TimedPredictions
from engine.deployment.predictors import opening
from engine.evaluation import predictions
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
        logs.show(_first_rows(result, facts, arguments.show))
    if arguments.save_predictions:
        predictions.write(arguments.save_predictions, columns)
    rows = len(next(iter(columns.values())))
    runtime = ", ".join(f"{name} {value}" for name, value in predictor.runtime.items())
    logs.show(f"{rows} rows, {result.rows_per_second:.0f} rows/s, {runtime}")
    qualities = quality.measure(job, result)
    for task, found in qualities.items():
        for line in found.lines(task):
            logs.show(line)
    if arguments.benchmark or arguments.save_log_path:
        report = benchmark_report.collect(job, predictor, result, qualities, arguments)
        if arguments.benchmark:
            logs.show(benchmark_report.text(report))
        if arguments.save_log_path:
            benchmark_report.save(report, arguments.save_log_path)
            logs.wrote("the report", arguments.save_log_path)


def _first_rows(result: TimedPredictions, facts: Facts | None, number: int) -> str:
    """Returns a table of the first rows' predictions, each task's beside its label."""
    rows = len(next(iter(result.outputs.values())))
    columns = {"row": np.arange(rows)[:number].astype(str)}
    for task, output in result.outputs.items():
        for name, values in task_columns.named_columns({task: output[:number]}, facts).items():
            columns[name] = np.array([f"{value:.6f}" for value in values])
        if task in result.labels:
            classes = task_columns.facts_of(task, facts).get("classes") or ()
            labels = [_label(value, classes) for value in result.labels[task][:number]]
            columns[f"{task} label"] = np.array(labels)
    widths = [max(len(name), *map(len, values)) for name, values in columns.items()]
    lines = zip(*columns.values())
    return "\n".join(
        "  ".join(cell.rjust(width) for cell, width in zip(line, widths))
        for line in [columns, *lines]
    )


def _label(value: np.generic, classes: Sequence[str]) -> str:
    """Returns a label as a person reads it; "-" where a row has none."""
    if not task_columns.counted(np.array(value)):
        return "-"
    if value.dtype.kind == "f":
        return f"{value:g}"
    return classes[value] if 0 <= value < len(classes) else str(value)
