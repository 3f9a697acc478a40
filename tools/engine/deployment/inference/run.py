"""Runs a job of ``tools/paddle_infer.py``: predicts, prints and saves what the options ask for."""

from __future__ import annotations

import argparse

import numpy as np

from engine.deployment.inference import benchmark_report, passes
from engine.deployment.inference.job import Job
from engine.deployment.predictors import opening
from engine.evaluation import exact_metrics, predictions, task_metrics


def run(job: Job, arguments: argparse.Namespace) -> None:
    """Predicts a job's rows and writes the results that the command line asks for."""
    runner = opening.open_predictor(job.model, job.options)
    tasks = job.model.about.get("tasks")
    source = job.source()
    result = passes.run(runner, source, job.limit, arguments.warmup, arguments.repeat, tasks)
    columns = task_metrics.named_columns(result.outputs)
    if arguments.show:
        print(_first_rows(columns, result.labels, arguments.show))
    if arguments.save_predictions:
        predictions.write(arguments.save_predictions, columns)
    rows = len(next(iter(columns.values())))
    print(f"{rows} rows, {result.rows_per_second:.0f} rows/s, {_described(runner.runtime)}")
    labels = task_metrics.counting_labels(result.labels, job.model.row_conditions())
    for name, truth in labels.items():
        values = exact_metrics.summary(truth, result.outputs.get(name))
        if values:
            text = ", ".join(f"{kind} {value:.6f}" for kind, value in values.items())
            print(f"{name}: {text}")
        if np.isnan(values.get("auc", 0.0)):
            print(f"{name}: the AUC is not defined, all rows that count have one label")
    if arguments.benchmark or arguments.save_log_path:
        blocks = benchmark_report.collect(job, runner, result, arguments)
        if arguments.benchmark:
            print(benchmark_report.text(blocks))
        if arguments.save_log_path:
            benchmark_report.save(blocks, arguments.save_log_path)


def _described(runtime: dict) -> str:
    return ", ".join(f"{name} {value}" for name, value in runtime.items())


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
