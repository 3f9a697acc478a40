"""``runner.save_metrics``: what a command measured, as a file that programs read."""

from __future__ import annotations

import json
import math
import os
from datetime import datetime, timezone
from typing import TYPE_CHECKING, Any

import numpy as np

from engine.checkpoints import store
from engine.config.config import Config
from engine.deployment.inference.benchmark_report import environment
from engine.distributed import processes
from engine.system import atomic_files

if TYPE_CHECKING:
    from engine.training.loop import Summary


def check(config: Config) -> None:
    """Makes sure, before anything is computed, that the file can be written, if it is asked for.

    Raises:
        UserError: its folder cannot be made or written.
    """
    path = config.runner("save_metrics")
    if path:
        store.check_writable(os.path.dirname(path))


def save(config: Config, session: Any, source: Any, summary: Summary, mode: str) -> None:
    """Writes what a run measured, if ``runner.save_metrics`` says where.

    Args:
        config: the configuration.
        session: what trained or evaluated.
        source: the batches; gates are averaged over all of them.
        summary: what the run measured.
        mode: ``train`` or ``evaluate``.

    Raises:
        UserError: the file cannot be written.
    """
    if config.runner("save_metrics"):
        made = _collect(config, session, source, summary, mode)
        processes.current().on_first(lambda: write(config.runner("save_metrics"), made))


def _collect(
    config: Config, session: Any, source: Any, summary: Summary, mode: str
) -> dict[str, Any]:
    whole = mode == "evaluate" and processes.current().size == 1  # here are all rows
    gates = session.gate_weights(source, batches=None) if whole else None
    return {
        **(_validation(summary) if mode == "train" else {}),
        **about(config, session, mode),
        "seed": config.runner("seed"),
        "rows": summary.rows,
        "seconds": summary.seconds,
        "epochs": {
            str(epoch): {"metrics": values, "tasks": summary.tasks.get(epoch, {})}
            for epoch, values in summary.metrics.items()
        },
        "gates": gates,
    }


def about(config: Config, session: Any, mode: str) -> dict[str, Any]:
    """Returns what a command's file says whatever it measured: of which model, when, with what."""
    return {
        "mode": mode,
        "yaml": config.yaml_path,
        "finished_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
        "parameters": parameters(session),
        "environment": environment(),
    }


def _validation(summary: Summary) -> dict[str, Any]:
    """Returns each evaluation in training, and which was the best one, whose checkpoint is kept."""
    stopping, best = summary.stopping, None
    if stopping is not None and stopping.best is not None:
        epoch, batches = stopping.place
        best = {"epoch": epoch, "batches": batches, "value": stopping.best}
    valid = [
        {"epoch": epoch, "batches": batches, "metrics": metrics}
        for (epoch, batches), metrics in summary.valid.items()
    ]
    return {"valid": valid, "best": best}


def parameters(session: Any) -> int:
    """Returns how many numbers a model learns; statistics of its inputs do not count."""
    net = session.network()
    if net is None:
        return sum(array.size for array in session.parameters().values())
    learned = [one for one in net.parameters() if not one.stop_gradient]
    return sum(math.prod(one.shape) for one in learned)


def write(path: str, content: Any) -> None:
    """Writes JSON, whole or not at all; numbers that are none become ``null``.

    Raises:
        UserError: the file cannot be written.
    """
    with atomic_files.writing(path) as building, open(building, "w", encoding="utf-8") as file:
        json.dump(plain(content), file, indent=1, ensure_ascii=False, allow_nan=False)


def plain(value: Any) -> Any:
    """Returns a value as JSON knows it."""
    if isinstance(value, dict):
        return {str(name): plain(part) for name, part in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(part) for part in value]
    if isinstance(value, (np.ndarray, np.generic)):
        array = np.asarray(value)
        return plain(array.item() if array.size == 1 else array.tolist())
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
