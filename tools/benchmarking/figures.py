"""From runs to figures: medians, spreads, ratios."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from typing import Any

from benchmarking.runs import Run

_MEASURED = ("ms_per_step", "import_seconds", "own_memory_mb")


def completed(run: Run, rows: int | None) -> Run:
    """Returns a run with what follows from the rows that the others visited.

    Args:
        run: the run.
        rows: rows of the data times epochs, if known.
    """
    run.rows = run.rows or rows
    seconds = run.more.pop("epoch_seconds", 0.0)
    if run.rows_per_second is None and seconds and run.rows:
        run.rows_per_second = run.rows / seconds
    return run


def summary(runs: Sequence[Run]) -> dict[str, Any]:
    """Returns the figures of the runs of one contestant in one case."""
    found = {
        "rows": runs[0].rows,
        "rows_per_second": _spread([run.rows_per_second for run in runs]),
        "whole_process_rows_per_second": _spread(_whole(runs)),
        "whole_process_seconds": _spread([run.whole_seconds for run in runs]),
        "cpu_seconds": _spread([run.cpu_seconds for run in runs]),
        "peak_memory_mb": _spread([run.peak_memory_mb for run in runs]),
    }
    for name in _MEASURED:
        found[name] = _spread([run.more.get(name) for run in runs])
    return found


def ratios(mine: Sequence[Run], theirs: Sequence[Run]) -> dict[str, Any]:
    """Returns how many times as fast the first is, turn by turn."""
    return {
        "rows_per_second": _ratio(
            [run.rows_per_second for run in mine], [run.rows_per_second for run in theirs]
        ),
        "whole_process_rows_per_second": _ratio(_whole(mine), _whole(theirs)),
        "rows_per_cpu_second": _ratio(_of_processors(mine), _of_processors(theirs)),
    }


def _whole(runs: Sequence[Run]) -> list[float | None]:
    return [run.rows / run.whole_seconds if run.rows else None for run in runs]


def _of_processors(runs: Sequence[Run]) -> list[float | None]:
    return [run.rows / run.cpu_seconds if run.rows else None for run in runs]


def _spread(values: Sequence[float | None]) -> dict[str, Any] | None:
    """Returns median, lowest and highest of values, and all; None if one is missing."""
    if any(value is None for value in values):
        return None
    return {
        "median": statistics.median(values),
        "lowest": min(values),
        "highest": max(values),
        "runs": list(values),
    }


def _ratio(mine: Sequence[float | None], theirs: Sequence[float | None]) -> dict | None:
    """Returns the ratio of medians, and the lowest and highest of runs that followed each other."""
    if any(value is None for value in (*mine, *theirs)):
        return None
    turns = [one / other for one, other in zip(mine, theirs)]
    return {
        "of_medians": statistics.median(mine) / statistics.median(theirs),
        "lowest": min(turns),
        "highest": max(turns),
        "turns": turns,
    }
