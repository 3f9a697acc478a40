"""Checks the values of ``runner.*`` keys."""

from __future__ import annotations

import os
from typing import Any

from engine.config.config import Config
from engine.config.runner_key import PATHS, Key
from engine.config.runner_keys import METRICS, RUNNER
from engine.config.yaml_scalars import suggest
from engine.system import integers

_TYPES = {"bool": bool, "int": int, "text": str, **dict.fromkeys(PATHS, str), "any": object}
_EXPECTED = {"bool": "True or False", "text": "a text", **dict.fromkeys(PATHS, "a path")}
_EXPECTED["paths"] = "a folder, a file, or a list of folders and files"

# Keys that have no effect unless another one is set.
_NEEDED = {
    "valid_reader_path": "valid_data_dir",
    "valid_interval": "valid_data_dir",
    "valid_metric": "valid_data_dir",
    "early_stopping_patience": "valid_data_dir",
    "early_stopping_min_delta": "valid_data_dir",
    "init_scope": "model_init_path",
    "new_rows": "extend_vocabulary",
    "evict_after": "extend_vocabulary",
    "evict_below": "extend_vocabulary",
    "slice_by": "metrics",
}
# Keys that have no effect unless ``runner.metrics`` or ``runner.valid_metric`` has such a metric.
_OF_METRICS = {
    "gauc_column": ("gauc",),
    "ece_bins": ("ece",),
    "threshold": ("acc", "precision", "recall", "f1"),
    "weighted_metrics": METRICS,
}


def check(config: Config) -> None:
    """Checks every ``runner.*`` key that is set, and that it has an effect beside the others.

    Raises:
        UserError: a value has the wrong type or is out of range, or has no effect; the message
            names key and value.
    """
    for name, key in RUNNER.items():
        value = config.get(f"runner.{name}")
        if value is not None:
            problem = _problem(key, value)
            if problem:
                raise config.error(f"runner.{name}", problem)
    for name, needed in _NEEDED.items():
        if _is_set(config, name) and not config.get(f"runner.{needed}"):
            problem = f"it has no effect without runner.{needed}"
            raise config.error(f"runner.{name}", problem)
    for name, metrics in _OF_METRICS.items():
        if _is_set(config, name) and not _uses(config, metrics):
            named = " or ".join(metrics) if metrics != METRICS else "a metric"
            problem = f"it has no effect without {named} in runner.metrics"
            raise config.error(f"runner.{name}", problem)


def _uses(config: Config, metrics: tuple[str, ...]) -> bool:
    chosen = config.get("runner.valid_metric") or ""
    names = config.get("runner.metrics") or ()
    return any(metric in names or chosen.startswith(f"{metric}_") for metric in metrics)


def _is_set(config: Config, name: str) -> bool:
    """Returns whether a key has another value than its default."""
    return config.get(f"runner.{name}") not in (None, RUNNER[name].default)


def _problem(key: Key, value: Any) -> str:
    """Returns what was expected instead of a value, or '' if the value is valid."""
    if key.kind == "paths" and isinstance(value, list):
        each = [_problem(key, path if isinstance(path, str) else None) for path in value or [None]]
        return next(filter(None, each), "")
    kind = _TYPES[key.kind]
    has_type = isinstance(value, kind) and not (kind is int and isinstance(value, bool))
    is_none = value in ("None", "none")
    if is_none or not has_type or value == "" or not key.check(value):
        hint = suggest(value, kind)
        if is_none:
            named = key.kind in PATHS
            hint = f"; write null to unset the key{f', or ./{value} for a path' if named else ''}"
        return f"expected {key.expected or _EXPECTED[key.kind]}{hint}"
    if kind is int and value > integers.LARGEST:
        return f"expected at most {integers.LARGEST}"
    if key.kind in PATHS and not _is_file_name(value):
        return "expected a path without NUL bytes, in the encoding of the file system"
    return ""


def _is_file_name(text: str) -> bool:
    try:
        return b"\0" not in os.fsencode(text)
    except UnicodeEncodeError:
        return False
