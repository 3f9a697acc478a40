"""Statistics of a data set's columns: a table in the log, kept beside the checkpoints.

A RecDataset may have a method ``column_statistics()``. It returns a mapping with ``rows``, the
number of rows, ``columns``, a list of mappings with a ``column``, a ``kind`` and counts, and
``tasks``, a list of mappings with a ``task``, its ``label`` column, ``type`` and counts.
docs/table.md explains them.
Training keeps them, and every command that reads other rows compares these with them.
"""

from __future__ import annotations

import json
import logging
import os
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from engine.config.config import Config
from engine.distributed import processes
from engine.system import atomic_files
from engine.system.errors import UserError

logger = logging.getLogger(__name__)

FILE = "training_data.json"
# A share is far above that of the training rows if it is larger by both.
_TIMES, _POINTS = 3, 0.05
_SHARES = {"missing": "of the cells are missing", "unknown": "of the values are out-of-vocabulary"}
_CLASSES = 10  # that are shown
_HEADER = ("column", "kind", "rows", "missing", "values", "OOV", "cells cut")

Statistics = Mapping[str, Any]
Shares = Mapping[tuple, Mapping[str, Any]]  # by column and kind; None where it was not counted
Kept = tuple  # the path of a training's file or nothing, and its Shares


def report_training(config: Config, source: Any, validation: Any) -> None:
    """Logs the statistics of the training rows, and compares others with them.

    They are compared with those of the run that this one continues, and the validation rows with
    them.

    Args:
        config: the configuration.
        source: the training batches.
        validation: the validation batches; None without any.

    Raises:
        UserError: no row has a label of a task, and the run continues no other.
    """
    found = of(source)
    if found is None:
        return
    logger.info("training data\n%s", table(found))
    root, start = config.runner("model_save_path"), config.runner("model_init_path")
    earlier = find(root) if config.runner("resume") else find(start) if start else None
    _check_labels(found, is_new=earlier is None)
    _warn("training data", found, earlier)
    if validation is not None:
        _compare(validation, "validation data", ("", _shares(found)))


def save(source: Any, folder: str) -> None:
    """Writes the statistics of the training rows into the folder of the checkpoints.

    Raises:
        UserError: the file cannot be written.
    """
    found = of(source)
    if found is not None:
        atomic_files.write_json(os.path.join(folder, FILE), found)


def report(source: Any, name: str, folder: str) -> None:
    """Warns of columns that differ far from those of the training rows.

    Args:
        source: the batches.
        name: what they are, such as ``test data``.
        folder: the folder of the checkpoint or export that is used.
    """
    _compare(source, name, find(folder))


def _compare(source: Any, name: str, kept: Kept | None) -> None:
    found = of(source)
    if found is not None:
        _warn(name, found, kept)


def of(source: Any) -> Statistics | None:
    """Returns the statistics of a source's rows on the main process, if its reader has any."""
    read = getattr(source, "column_statistics", None)
    return read() if read and processes.current().rank == 0 else None


def find(folder: str) -> Kept | None:
    """Returns the shares that a training kept with the checkpoint in a folder; None without any.

    They are in this folder, as after a copy, or above it. Above ``run_<id>`` are those of a later
    run of the same training.
    """
    above = os.path.dirname(os.path.abspath(folder))
    places = [folder, above]
    if os.path.basename(above).startswith("run_"):
        places.append(os.path.dirname(above))
    for path in (os.path.join(os.path.abspath(place), FILE) for place in places):
        if os.path.isfile(path):
            return _read(path)
    return None


def _read(path: str) -> Kept | None:
    try:
        with open(path, encoding="utf-8") as file:
            return path, _shares(json.load(file))
    except (OSError, ValueError, TypeError, AttributeError, LookupError, ArithmeticError) as error:
        reason = f"{type(error).__name__}: {error}"
        logger.warning("%s is damaged: no data are compared with it: %s", path, reason)
        return None


def _shares(statistics: Statistics) -> Shares:
    return {
        (entry["column"], entry["kind"]): {key: _share(entry, key) for key in _SHARES}
        for entry in statistics["columns"]
    }


def _warn(name: str, found: Statistics, kept: Kept | None) -> None:
    """Warns of what may make results wrong, a line per column or task."""
    for entry in found["columns"]:
        for problem in entry.get("odd", ()):
            logger.warning("%s: column %s: %s", name, entry["column"], problem)
    for entry in found["tasks"]:
        outside = _outside(entry, found["tasks"])
        if outside:
            logger.warning("%s: %s", name, outside)
    if kept is not None:
        for difference in _differences(_shares(found), kept[1]):
            logger.warning("%s: %s%s", name, difference, kept[0] and f" ({kept[0]})")


def _check_labels(found: Statistics, is_new: bool) -> None:
    """Finds tasks that no row trains.

    Raises:
        UserError: no row has a label of a task, and the training is a new one. In a day's data,
            with which a training goes on, the labels of a task may still be unknown.
    """
    for entry in found["tasks"]:
        task, problem = f"training data: task {entry['task']}", None
        if entry["rows"]:
            if entry.get("zero_weights") == entry["rows"]:
                problem = f"all its rows have weight 0 in column {entry['sample_weight']}"
        elif entry.get("missing") == found.get("rows"):
            problem = f"no row has a label in column {entry['label']}"
            if is_new:
                advice = "fill the column, or remove the task from hyper_parameters.tasks"
                raise UserError(f"{task}: {problem}: {advice}")
        else:
            problem = "no row counts"
            if entry.get("where"):
                problem += f", because {entry['where']} is never 1 where a row has a label"
        if problem:
            logger.warning("%s: %s: it is not trained", task, problem)


def _outside(entry: Mapping[str, Any], tasks: Sequence[Mapping[str, Any]]) -> str | None:
    """Returns what is wrong with a task's positives that lie outside its rows; None if nothing."""
    number = entry.get("outside")
    if not number:
        return None
    label, where = entry["label"], entry["where"]
    total = number + entry["positives"]
    condition = next((other["label"] for other in tasks if other["task"] == where), where)
    counting = [
        other["task"] for other in tasks if other["label"] == label and not other.get("where")
    ]
    learned = f", but {' and '.join(counting)} counts them as positive" if counting else ""
    return (
        f"{number} of {total} rows with {label} = 1 have {condition} = 0: "
        f"the task {entry['task']} leaves them out{learned}"
    )


def _differences(found: Shares, kept: Shares) -> Iterator[str]:
    """Yields a line for each column whose shares are far above those of the training rows."""
    for column, shares in found.items():
        parts = []
        for key, now in shares.items():
            then = kept.get(column, {}).get(key)
            if None not in (now, then) and now > _TIMES * then and now - then >= _POINTS:
                parts.append(f"{now:.1%} {_SHARES[key]}, {then:.1%} in the training data")
        if parts:
            yield f"column {column[0]}: {'; '.join(parts)}"


def _share(entry: Mapping[str, Any], key: str) -> float | None:
    """Returns the share of missing cells or unknown values; None if it was not counted."""
    count, total = entry.get(key), entry.get("rows" if key == "missing" else "values")
    return None if count is None or not total else count / total


def table(statistics: Statistics) -> str:
    """Returns a line for each task and each column."""
    rows = [_HEADER]
    rows += [_task_cells(entry, statistics.get("rows")) for entry in statistics["tasks"]]
    rows += [_column_cells(entry) for entry in statistics["columns"]]
    widths = [max(map(_width, cells)) for cells in zip(*rows)]
    lines = (
        "  ".join(cell + " " * (width - _width(cell)) for cell, width in zip(row, widths))
        for row in rows
    )
    return "\n".join(line.rstrip() for line in lines)


def _task_cells(entry: Mapping[str, Any], total: int | None) -> tuple[str, ...]:
    name = entry["task"]
    if entry["label"] != name:
        name = f"{name} (label {entry['label']})"
    missing = _percent(entry["missing"] / total) if entry.get("missing") and total else ""
    values = _label_values(entry)
    if "weights" in entry:
        values += f", weights {_number(entry['weights'])} in all"
        values += f", {entry['zero_weights']} are 0" if entry["zero_weights"] else ""
    return name, "label", str(entry["rows"]), missing, values, "", ""


def _label_values(entry: Mapping[str, Any]) -> str:
    """Returns what the labels of a task's rows are, by its type."""
    rows = entry["rows"]
    if "classes" in entry:
        counts = entry["classes"]
        shown = [f"{name} {count / max(rows, 1):.1%}" for name, count in counts.items()]
        more = ", ..." if len(shown) > _CLASSES else ""
        return f"{len(counts)} classes: {', '.join(shown[:_CLASSES])}{more}"
    if "mean" in entry:
        return f"{_values(entry)}, mean {_number(entry['mean'])}" if rows else ""
    share = f" ({entry['positives'] / rows:.2%})" if rows else ""
    return f"{entry['positives']} positive{share}"


def _column_cells(entry: Mapping[str, Any]) -> tuple[str, ...]:
    missing, unknown = (_percent(_share(entry, key)) for key in _SHARES)
    cut = ""
    if entry.get("cut"):
        share = entry["cut"] / entry["rows"]
        cut = f"{entry['cut']} ({share:.1%}), the {entry['keep']} {entry['max_len']} are kept"
    rows = str(entry["rows"])
    return entry["column"], entry["kind"], rows, missing, _values(entry), unknown, cut


def _values(entry: Mapping[str, Any]) -> str:
    if "ids" in entry:
        return f"hashed to {entry['ids']}" if entry.get("hashed") else f"{entry['ids']} ids"
    if entry.get("least") is None:
        return ""
    return f"{_number(entry['least'])} to {_number(entry['most'])}"


def _number(value: float) -> str:
    return str(int(value)) if value == int(value) and abs(value) < 1e15 else f"{value:.6g}"


def _percent(share: float | None) -> str:
    return "" if share is None else f"{share:.1%}"


def _width(text: str) -> int:
    """Returns the columns of a terminal that a text takes: two for a Chinese character."""
    return sum(1 + (unicodedata.east_asian_width(character) in "WF") for character in text)
