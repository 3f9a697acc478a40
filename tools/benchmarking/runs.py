"""The measurements of one run of one program."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass
class Run:
    """The measurements of a run.

    Attributes:
        whole_seconds: seconds from the start of the process to its end.
        cpu_seconds: processor time of all threads.
        peak_memory_mb: peak memory in 2^20 bytes, including mapped files.
        rows: number of rows visited; None if unknown.
        rows_per_second: steady-state speed; None if unknown.
        extra: figures by name that not every program reports.
    """

    whole_seconds: float
    cpu_seconds: float
    peak_memory_mb: float
    rows: int | None = None
    rows_per_second: float | None = None
    extra: dict[str, Any] = field(default_factory=dict)
