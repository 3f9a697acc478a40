"""What one run of one contestant measured."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Run:
    """What a run measured.

    Attributes:
        whole_seconds: from the start of the process to its end.
        cpu_seconds: what its threads spent on processors, together.
        peak_memory_mb: the most that it held, in 2^20 bytes, mapped files included.
        rows: rows visited, None if unknown.
        rows_per_second: the steady state, None if unknown.
        more: figures that not every contestant has, by name.
    """

    whole_seconds: float
    cpu_seconds: float
    peak_memory_mb: float
    rows: int | None = None
    rows_per_second: float | None = None
    more: dict[str, Any] = field(default_factory=dict)
