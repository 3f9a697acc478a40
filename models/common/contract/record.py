"""What a checkpoint records of a model, so that it is read by names and not by positions."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Any

from datasets.readers.sparse_fields import fields_of
from models.common.hyper_parameters import DEFAULTS, SECTION, value
from models.common.inputs.building import dense_input_dim, layout_of
from models.common.inputs.dense_embeddings import registry as dense_embeddings
from models.common.layers.interactions import registry as interactions
from models.common.tasks.declaration import KEY as TASKS
from models.common.tasks.declaration import tasks_of

_COLUMNS = ("labels", "dense", "sparse")  # keys of hyper_parameters.table
_OF_FEATURES = ("dense_batch_norm", "feature_groups", "domain")


def record(
    config, net_class: type, arguments: Mapping[str, Any], specs: Sequence
) -> dict[str, Any]:
    """Returns what identifies a model: net, tasks, inputs, columns and hyper-parameters.

    Hyper-parameters that only training uses are left out: they may change between commands.

    Args:
        config: the configuration.
        net_class: the class of the net.
        arguments: the net's own hyper-parameters with their defaults.
        specs: the net's inputs.

    Raises:
        ValueError: a hyper-parameter is malformed.
    """
    fields = fields_of(config)
    dense = dense_input_dim(config, fields)
    shared = {"dense_input_dim": dense, "sparse_fields": [field.meaning() for field in fields]}
    if dense:
        shared.update({name: value(config, name) for name in ("standardize", "dense_bins")})
    if fields:
        shared["hash_ids"] = value(config, "hash_ids")
    shared.update({name: value(config, name) for name in _OF_FEATURES})
    shared["dense_embedding"] = dense_embeddings.meaning(config)
    shared["bottom"] = interactions.meaning(value(config, "bottom"))
    unused = {*net_class.training_only, "feature_size", *DEFAULTS}  # the inputs give the size
    own = {
        name: config.get(f"{SECTION}.{name}", default)
        for name, default in arguments.items()
        if name not in unused
    }
    tasks = [task.meaning() for task in tasks_of(config)]
    return {
        "net": net_class.__name__,
        "tasks": tasks,
        "inputs": [{"name": spec.name, "size": list(spec.shape[1:])} for spec in specs],
        "features": None if len(specs[0].shape) > 2 else layout_of(config).record(),
        "columns": {key: _names(config.get(f"{SECTION}.table.{key}")) for key in _COLUMNS},
        "hyper_parameters": {**shared, **own},
    }


def in_order_of(config, recorded: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the hyper-parameters to replace, so that tasks and columns have a record's order.

    Only the order changes. Tasks and columns that the record does not have follow the others. A
    list that lacks one of the record's names is not changed.

    Args:
        config: the configuration of the YAML and ``-o``.
        recorded: the result of `record` in a checkpoint.

    Raises:
        ValueError: the configuration's tasks are malformed.
    """
    names = {key: recorded.get("columns", {}).get(key, []) for key in _COLUMNS}
    keys = {key: f"{SECTION}.table.{key}" for key in _COLUMNS}
    lists = {keys[key]: (config.get(keys[key]), names[key]) for key in _COLUMNS}
    tasks, is_table = config.get(TASKS), bool(config.get(keys["labels"]))
    if tasks is not None or not is_table:
        # A task names the place of its label, so that labels must not move.
        del lists[keys["labels"]]
        tasks = [asdict(task) for task in tasks_of(config)] if tasks is None else tasks
        lists[TASKS] = (tasks, _names(recorded.get("tasks")))
    replaced = {key: _ordered(entries, order) for key, (entries, order) in lists.items()}
    return {key: entries for key, entries in replaced.items() if entries is not None}


def _names(entries: Any) -> list[str]:
    """Returns the names of entries, each a name or a mapping with one."""
    entries = entries if isinstance(entries, (list, tuple)) else []
    return [entry.get("name") if isinstance(entry, Mapping) else entry for entry in entries]


def _ordered(entries: Any, order: Sequence[str]) -> list | None:
    """Returns entries in an order of names, or None if they have it or lack one of the names."""
    names = _names(entries)
    if len(set(map(str, names))) < len(names) or not set(order) <= set(map(str, names)):
        return None
    by_name = dict(zip(names, entries or ()))
    wanted = [*order, *(name for name in names if name not in order)]
    return None if wanted == names else [by_name[name] for name in wanted]
