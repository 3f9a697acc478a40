"""Saves the measurements of a command as a JSON file (``runner.save_metrics``)."""

from __future__ import annotations

import math
import os
from datetime import datetime, timezone
from typing import Any

from engine.config.config import Config
from engine.data.sources import ModelSource, Source
from engine.distributed import processes
from engine.evaluation.summary import Summary
from engine.graphs.session import Session
from engine.system import atomic_files, environment, logs


def check(config: Config) -> None:
    """Checks before any work that the file can be written, if the configuration names one.

    Raises:
        UserError: its folder cannot be created or written.
    """
    path = config.runner("save_metrics")
    if path:
        atomic_files.check_writable(os.path.dirname(path))


def save(
    config: Config, session: Session, source: Source | ModelSource, summary: Summary, mode: str
) -> None:
    """Writes what a run measured, if ``runner.save_metrics`` names a file.

    Args:
        config: the configuration.
        session: the session of the run.
        source: the batches, over which gates are averaged.
        summary: what the run measured.
        mode: ``train`` or ``evaluate``.

    Raises:
        UserError: the file cannot be written.
    """
    path = config.runner("save_metrics")
    if not path:
        return
    # Gates are averaged over all rows; only an evaluation with one process reads them all.
    has_all_rows = mode == "evaluate" and processes.current().size == 1
    content = {
        **(_evaluations(summary) if mode == "train" else {}),
        **about(config, session, mode),
        "seed": config.runner("seed"),
        "rows": summary.rows,
        "seconds": summary.seconds,
        "epochs": {
            str(epoch): {"metrics": values, "tasks": summary.tasks.get(epoch, {})}
            for epoch, values in summary.metrics.items()
        },
        "gates": session.gate_weights(source, batches=None) if has_all_rows else None,
    }
    processes.current().on_main_process(lambda: write(path, content))


def write(path: str, content: dict[str, Any]) -> None:
    """Writes measurements as JSON.

    Raises:
        UserError: the file cannot be written.
    """
    atomic_files.write_json(path, content)
    logs.wrote("measurements", path)


def about(config: Config, session: Session, mode: str) -> dict[str, Any]:
    """Returns what every command's file contains: model, time and environment."""
    return {
        "mode": mode,
        "yaml": config.yaml_path,
        "finished_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "parameters": parameter_count(session),
        "environment": environment.describe(),
    }


def parameter_count(session: Session) -> int:
    """Returns the number of trained parameters, without statistics of the inputs."""
    net = session.network()
    if net is None:
        return sum(array.size for array in session.parameters().values())
    trained = [tensor for tensor in net.parameters() if not tensor.stop_gradient]
    return sum(math.prod(tensor.shape) for tensor in trained)


def _evaluations(summary: Summary) -> dict[str, Any]:
    """Returns each evaluation during training, and the best one."""
    valid = [
        {"epoch": epoch, "batches": batches, "metrics": metrics}
        for (epoch, batches), metrics in summary.valid.items()
    ]
    return {"valid": valid, "best": summary.best._asdict() if summary.best else None}
