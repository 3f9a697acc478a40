"""Tables of the figures, at most 100 characters wide."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from benchmarking.phases import PHASES

_CASE = (
    ("case", 4),
    ("mode", 5),
    ("graph", 7),
    ("thr", 3),
    ("batch", 5),
    ("data", 6),
    ("rows/s", 8),
    ("lowest", 8),
    ("highest", 8),
    ("ms/step", 8),
    ("whole s", 7),
    ("import", 6),
    ("MB", 6),
    ("own MB", 6),
)
_PHASE = (
    ("case", 4),
    ("tools", 5),
    *((name, max(8, len(name))) for name in PHASES[:-1]),
    ("other", 7),
    ("step", 7),
)
_AGAINST = (
    ("case", 4),
    ("with", 4),
    ("rows/s", 8),
    ("lowest", 8),
    ("highest", 8),
    ("whole s", 8),
    ("MB", 6),
    ("ratio", 7),
    ("lowest", 7),
    ("highest", 7),
    ("whole", 7),
    ("lowest", 7),
    ("highest", 7),
)


def case_header() -> str:
    """Returns the header of the table of cases."""
    return _header(_CASE)


def case_line(number: int, case: dict[str, Any]) -> str:
    """Returns the line of a case.

    Args:
        number: the number of the case.
        case: its figures.
    """
    rate, whole = case["rows_per_second"], case["whole_process_seconds"]
    return _line(
        _CASE,
        [
            str(number),
            *(str(case[name]) for name in ("mode", "graph", "threads", "batch_size", "data")),
            *_three(rate, 0),
            _text(_median(case["ms_per_step"]), 3),
            _text(_median(whole), 1),
            _text(_median(case["import_seconds"]), 1),
            _text(_median(case["peak_memory_mb"]), 0),
            _text(_median(case["own_memory_mb"]), 0),
        ],
    )


def phases_table(cases: Sequence[dict[str, Any]]) -> list[str]:
    """Returns the table of the phases of a step, in milliseconds."""
    lines = [_header(_PHASE)]
    for number, case in enumerate(cases, 1):
        for program in ({"letter": "A", **case}, *case["against"]):
            if "phases_ms" in program:
                parts = [_text(program["phases_ms"].get(name), 3) for name in PHASES]
                step = _text(program["split_ms_per_step"], 3)
                lines.append(_line(_PHASE, [str(number), program["letter"], *parts, step]))
    return lines


def against_table(cases: Sequence[dict[str, Any]]) -> list[str]:
    """Returns the table of the other programs: their figures, and how many times as fast A is."""
    lines = [_header(_AGAINST)]
    for number, case in enumerate(cases, 1):
        for other in case["against"]:
            ratios = other["ratio"]
            cells = [
                str(number),
                other["letter"],
                *_three(other["rows_per_second"], 0),
                _text(_median(other["whole_process_seconds"]), 1),
                _text(_median(other["peak_memory_mb"]), 0),
                *_three(ratios["rows_per_second"], 2, "of_medians"),
                *_three(ratios["whole_process_rows_per_second"], 2, "of_medians"),
            ]
            lines.append(_line(_AGAINST, cells))
    return lines


def _header(columns: Sequence[tuple[str, int]]) -> str:
    return _line(columns, [name for name, _ in columns])


def _line(columns: Sequence[tuple[str, int]], cells: Sequence[str]) -> str:
    return " ".join(f"{cell:>{width}}" for cell, (_, width) in zip(cells, columns))


def _median(figure: dict[str, Any] | None) -> float | None:
    return figure["median"] if figure else None


def _three(figure: dict[str, Any] | None, digits: int, middle: str = "median") -> list[str]:
    names = (middle, "lowest", "highest")
    return [_text(figure[name] if figure else None, digits) for name in names]


def _text(value: float | None, digits: int) -> str:
    return "-" if value is None else f"{value:.{digits}f}"
