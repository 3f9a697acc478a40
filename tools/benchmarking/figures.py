"""Medians, ranges and ratios of the measurements of several runs."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from benchmarking.runs import Run

_EXTRA = ("ms_per_step", "import_seconds", "own_memory_mb")


def complete(run: Run, rows: int | None) -> Run:
    """Adds rows, and rows a second from logged epoch times, to a run that did not report them.

    Args:
        run: the run.
        rows: the number of rows that another program visited; None if unknown.
    """
    run.rows = run.rows or rows
    seconds = run.extra.pop("epoch_seconds", 0.0)
    if run.rows_per_second is None and seconds and run.rows:
        run.rows_per_second = run.rows / seconds
    return run


def summary(runs: Sequence[Run]) -> dict[str, Any]:
    """Returns the figures of one program in one case."""
    summarized = {
        "rows": runs[0].rows,
        "rows_per_second": _spread([run.rows_per_second for run in runs]),
        "whole_process_rows_per_second": _spread(_per_second(runs)),
        "whole_process_seconds": _spread([run.whole_seconds for run in runs]),
        "cpu_seconds": _spread([run.cpu_seconds for run in runs]),
        "peak_memory_mb": _spread([run.peak_memory_mb for run in runs]),
    }
    for name in _EXTRA:
        summarized[name] = _spread([run.extra.get(name) for run in runs])
    return summarized


def ratios(mine: Sequence[Run], other: Sequence[Run]) -> dict[str, Any]:
    """Returns how many times as fast the first program is as the other."""
    return {
        "rows_per_second": _ratio(
            [run.rows_per_second for run in mine], [run.rows_per_second for run in other]
        ),
        "whole_process_rows_per_second": _ratio(_per_second(mine), _per_second(other)),
        "rows_per_cpu_second": _ratio(_per_cpu_second(mine), _per_cpu_second(other)),
    }


def _per_second(runs: Sequence[Run]) -> list[float | None]:
    return [run.rows / run.whole_seconds if run.rows else None for run in runs]


def _per_cpu_second(runs: Sequence[Run]) -> list[float | None]:
    return [run.rows / run.cpu_seconds if run.rows else None for run in runs]


def _spread(values: Sequence[float | None]) -> dict[str, Any] | None:
    """Returns the median, lowest, highest and all values; None if one is missing."""
    if any(value is None for value in values):
        return None
    return {
        "median": statistics.median(values),
        "lowest": min(values),
        "highest": max(values),
        "runs": list(values),
    }


def _ratio(mine: Sequence[float | None], other: Sequence[float | None]) -> dict | None:
    """Returns the ratio of the medians, and the ratios of successive runs."""
    if any(value is None for value in (*mine, *other)):
        return None
    turns = [first / second for first, second in zip(mine, other)]
    return {
        "of_medians": statistics.median(mine) / statistics.median(other),
        "lowest": min(turns),
        "highest": max(turns),
        "turns": turns,
    }
