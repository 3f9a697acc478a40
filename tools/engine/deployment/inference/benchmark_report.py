"""The report of a prediction run, in the blocks that AutoLog prints."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from typing import Any

import numpy as np

from engine.deployment.exported_model.tensors import TensorSpec
from engine.deployment.inference.job import Job
from engine.deployment.inference.prediction import PHASES, TimedPredictions
from engine.deployment.inference.quality import Quality
from engine.deployment.predictors.predictor import Predictor
from engine.system import atomic_files, environment, process


def collect(
    job: Job,
    predictor: Predictor,
    result: TimedPredictions,
    qualities: Mapping[str, Quality],
    arguments: argparse.Namespace,
) -> dict[str, dict[str, Any]]:
    """Returns the report's blocks: runtime, data, model, tasks, environment, performance.

    A task has its type, if the export says it, the rows with a label, and its metrics.
    """
    rows = len(next(iter(result.outputs.values())))
    metadata = job.model.metadata
    types = {facts["name"]: facts["type"] for facts in job.model.task_facts or ()}
    files = [job.model.graph, *filter(None, [job.model.parameters])]
    return {
        "runtime": dict(predictor.runtime),
        "data": {
            "data_dir": ", ".join(job.data),
            "reader": job.reader,
            "batch_size": job.batch_size,
            "rows": rows,
            "inputs": {spec.name: _type_and_shape(spec) for spec in predictor.inputs},
        },
        "model": {
            "model_name": arguments.model_name or metadata.get("model", "not specified"),
            "files": files,
            "size(MB)": round(sum(map(os.path.getsize, files)) / 2**20, 3),
            "outputs": {spec.name: _type_and_shape(spec) for spec in predictor.outputs},
            "checkpoint_sha256": metadata.get("source", {}).get("sha256"),
        },
        "tasks": {
            spec.name: {
                **({"type": types[spec.name]} if spec.name in types else {}),
                **(qualities[spec.name].entry() if spec.name in qualities else {"rows": 0}),
            }
            for spec in predictor.outputs
        },
        "environment": environment.describe(),
        "performance": {
            "warmup_batches": arguments.warmup,
            "passes": arguments.repeat,
            **{f"{phase}_time(ms)": _statistics(result.milliseconds[phase]) for phase in PHASES},
            "batch_time(ms)": _statistics(np.sum([*result.milliseconds.values()], axis=0)),
            "rows/s": round(result.rows_per_second, 1),
            "total_time(s)": round(sum(map(sum, result.milliseconds.values())) / 1e3, 4),
            "cpu_rss(MB)": round(process.peak_memory_mb(), 1),
            **result.device_usage,
        },
    }


def _type_and_shape(spec: TensorSpec) -> str:
    return f"{spec.dtype} {['batch' if size is None else size for size in spec.shape]}"


def _statistics(milliseconds: list[float] | np.ndarray) -> dict[str, float]:
    p50, p90, p99 = np.percentile(milliseconds, [50, 90, 99])
    values = {"mean": np.mean(milliseconds), "p50": p50, "p90": p90, "p99": p99}
    return {name: round(float(value), 4) for name, value in values.items()}


def text(blocks: dict[str, dict[str, Any]]) -> str:
    """Returns the report as text, one line per value."""
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
