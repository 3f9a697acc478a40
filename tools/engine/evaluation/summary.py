"""What a run measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, NamedTuple


class Best(NamedTuple):
    """The best evaluation during a training run.

    Attributes:
        epoch: its epoch.
        batches: the epoch's batches that were trained on before it.
        value: the value of ``runner.valid_metric``.
    """

    epoch: int
    batches: int
    value: float


@dataclass
class Summary:
    """What a run measured.

    Attributes:
        metrics: the metrics of each epoch, by name.
        valid: the metrics of each evaluation during training, by epoch and batches done.
        best: the best of these evaluations.
        rows: the rows visited.
        seconds: the time spent on batches, without start-up and saving.
        tasks: the results of ``runner.metrics``, by epoch and task.
    """

    metrics: dict[int, dict[str, Any]] = field(default_factory=dict)
    valid: dict[tuple[int, int], dict[str, Any]] = field(default_factory=dict)
    best: Best | None = None
    rows: int = 0
    seconds: float = 0.0
    tasks: dict[int, dict[str, dict[str, Any]]] = field(default_factory=dict)
