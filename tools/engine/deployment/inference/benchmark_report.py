"""The report of an inference run, in the blocks that users of AutoLog know."""

from __future__ import annotations

import argparse
import os
from typing import Any

import numpy as np

from engine.deployment.inference.job import Job
from engine.deployment.inference.passes import PHASES, Result
from engine.deployment.predictors.predictor import Predictor
from engine.system import atomic_files, environment, process


def collect(
    job: Job, runner: Predictor, result: Result, arguments: argparse.Namespace
) -> dict[str, dict[str, Any]]:
    """Returns the report's blocks: runtime, data, model, environment, performance."""
    rows = len(next(iter(result.outputs.values())))
    files = [job.model.graph, *filter(None, [job.model.parameters])]
    return {
        "runtime": dict(runner.runtime),
        "data": {
            "data_dir": job.data_dir,
            "reader": job.reader,
            "batch_size": job.batch_size,
            "rows": rows,
            "inputs": {spec.name: _text(spec) for spec in runner.inputs},
        },
        "model": {
            "model_name": arguments.model_name or job.model.about.get("model", "not specified"),
            "files": files,
            "size(MB)": round(sum(map(os.path.getsize, files)) / 2**20, 3),
            "outputs": {spec.name: _text(spec) for spec in runner.outputs},
            "checkpoint_sha256": job.model.about.get("source", {}).get("sha256"),
        },
        "environment": environment.describe(),
        "performance": {
            "warmup_batches": arguments.warmup,
            "passes": arguments.repeat,
            **{f"{phase}_time(ms)": _summary(result.milliseconds[phase]) for phase in PHASES},
            "batch_time(ms)": _summary(np.sum([*result.milliseconds.values()], axis=0)),
            "rows/s": round(result.rows_per_second, 1),
            "total_time(s)": round(sum(map(sum, result.milliseconds.values())) / 1e3, 4),
            "cpu_rss(MB)": round(process.peak_memory_mb(), 1),
            **result.device_usage,
        },
    }


def _text(spec) -> str:
    return f"{spec.dtype} {['batch' if size is None else size for size in spec.shape]}"


def _summary(milliseconds) -> dict[str, float]:
    p50, p90, p99 = np.percentile(milliseconds, [50, 90, 99])
    values = {"mean": np.mean(milliseconds), "p50": p50, "p90": p90, "p99": p99}
    return {name: round(float(value), 4) for name, value in values.items()}


def text(blocks: dict[str, dict[str, Any]]) -> str:
    """Returns the report as a person wants to read it."""
    lines = []
    for title, block in blocks.items():
        lines.append(f"---------------------- {title} ----------------------")
        for name, value in block.items():
            if isinstance(value, dict):
                value = ", ".join(f"{key}: {part}" for key, part in value.items())
            elif isinstance(value, list):
                value = ", ".join(map(str, value))
            lines.append(f"{name}: {value}")
    return "\n".join(lines)


def save(blocks: dict[str, dict[str, Any]], path: str) -> None:
    """Writes the report as JSON.

    Raises:
        UserError: the file cannot be written.
    """
    atomic_files.write_json(path, blocks)
