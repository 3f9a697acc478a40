"""The report of an inference run, in the blocks that users of AutoLog know."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.deployment.inference.passes import PHASES, Result
from engine.deployment.predictors.predictor import Predictor
from engine.system import process
from engine.system.errors import UserError

if TYPE_CHECKING:
    from engine.deployment.inference.prediction_job import Job


def collect(
    job: Job, runner: Predictor, result: Result, arguments: argparse.Namespace
) -> dict[str, dict[str, Any]]:
    """Returns the report's blocks: runtime, data, model, environment, performance."""
    rows = len(next(iter(result.predictions.values())))
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
        "environment": environment(),
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


def environment() -> dict[str, Any]:
    """Returns what a figure depends on besides the model: the machine and the versions."""
    found = {
        "os": platform.platform(),
        "processor": _processor(),
        "cores": len(os.sched_getaffinity(0)) if sys.platform == "linux" else os.cpu_count(),
        "memory(MB)": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") // 2**20,
        "python": platform.python_version(),
    }
    for name in ("paddle", "onnxruntime"):
        if sys.modules.get(name):  # imported, because it ran
            found[name] = sys.modules[name].__version__
    return found


def _processor() -> str:
    if os.path.isfile("/proc/cpuinfo"):
        with open("/proc/cpuinfo", encoding="utf-8") as file:
            for line in file:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    return platform.processor() or platform.machine()


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
    try:
        os.makedirs(os.path.dirname(os.path.abspath(path)), exist_ok=True)
        with open(path, "w", encoding="utf-8") as file:
            json.dump(blocks, file, indent=2, ensure_ascii=False)
    except OSError as error:
        raise UserError(f"cannot write {path}: {error.strerror or error}") from error
