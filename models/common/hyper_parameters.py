"""The hyper-parameters that all models share: each key and its default stand here once.

A net's own hyper-parameters are the arguments of its constructor.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

SECTION = "hyper_parameters"

# A default of {} says that the value is a mapping, which the configuration keeps whole.
DEFAULTS: dict[str, Any] = {
    "tasks": None,
    "class_num": 2,  # of tasks without class_num
    # inputs
    "feature_size": 499,
    "image_size": 0,  # 0 for features
    "dense_input_dim": 11,  # 0 if there are sparse fields
    "standardize": True,
    "dense_bins": 0,
    "sparse_fields": None,
    "embedding_size": 16,
    "sparse_gradients": True,
    "hash_ids": False,
    # what a net gets of the features; docs/features.md
    "dense_columns": None,
    "dense_embedding": {},
    "dense_batch_norm": False,
    "feature_groups": {},
    "domain": None,
    "bottom": {},
    # a table's columns; docs/table.md
    "table.labels": None,
    "table.dense": None,
    "table.sparse": None,
    "table.missing": None,
    "table.delimiter": None,
    "table.column_names": None,
    "table.encoding": None,
    "table.sample_weight": None,
    "table.rates": {},
    # the loss and the optimizer
    "label_smoothing": 0.0,
    "optimizer.class": "adam",
    "optimizer.learning_rate": 0.001,
    "optimizer.weight_decay": None,
    "optimizer.momentum": 0.9,
    "optimizer.clip_grad_norm": None,
    # the learning rate's schedule, which the engine sets before each step; docs/training.md
    "optimizer.schedule": "constant",
    "optimizer.schedule_by": "epoch",
    "optimizer.schedule_length": None,
    "optimizer.step_size": None,
    "optimizer.milestones": None,
    "optimizer.gamma": None,
    "optimizer.minimum_rate": 0.0,
    "optimizer.plateau_patience": 2,
    "optimizer.warmup_steps": 0,
    "optimizer.warmup_epochs": 0.0,
}

_OF_FIELDS = ("embedding_size", "sparse_gradients", "hash_ids")
_READERS = f"{SECTION}.encoding"  # the reader of a table adds it


def value(config: Mapping[str, Any], name: str) -> Any:
    """Returns a shared hyper-parameter of a configuration, or its default.

    Args:
        config: the flat configuration.
        name: the key without ``hyper_parameters.``.
    """
    return config.get(f"{SECTION}.{name}", DEFAULTS[name])


def check_used(config: Mapping[str, Any]) -> None:
    """Checks that every shared hyper-parameter that is set has an effect.

    Raises:
        ValueError: one has none beside the others.
    """
    for name in DEFAULTS:
        if name.startswith("table.") and is_set(config, name) and _READERS not in config:
            reader = config.get("runner.train_reader_path")
            raise ValueError(f"{SECTION}.{name}: the reader {reader} reads no table")
    for name in () if value(config, "sparse_fields") else _OF_FIELDS:
        if is_set(config, name):
            raise ValueError(f"{SECTION}.{name}: it has no effect without sparse_fields")


def is_set(config: Mapping[str, Any], name: str) -> bool:
    """Returns whether a shared hyper-parameter has another value than its default."""
    return value(config, name) != DEFAULTS[name]
