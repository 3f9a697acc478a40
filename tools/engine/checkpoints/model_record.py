"""Compares a checkpoint's record of its model with a configuration.

The record names the net, the tasks, the inputs, the columns and the hyper-parameters. Without it,
parameters would be taken by their positions: the head of one task would serve another.
"""

from __future__ import annotations

import json
import logging
from collections.abc import Iterator, Mapping
from typing import Any

from engine.config.config import Config
from engine.model_folder import loading
from engine.system.errors import UserError

logger = logging.getLogger(__name__)

KEY = "model"  # of the facts
_HYPER, _FIELDS = "hyper_parameters", "sparse_fields"
_TRAINING_ONLY = f"{_HYPER}.optimizer."


def of(config: Config) -> dict[str, Any]:
    """Returns what a checkpoint records of a configuration's model.

    A model written for PaddleRec names no tasks and inputs, so only its hyper-parameters are
    recorded.

    Raises:
        UserError: a hyper-parameter is malformed.
    """
    with loading.model_errors(config):
        member = getattr(loading.any_model(config), "checkpoint_record", None)
        if member is None:
            values = {
                key[len(_HYPER) + 1 :]: value
                for key, value in config.items()
                if key.startswith(f"{_HYPER}.") and not key.startswith(_TRAINING_ONLY)
            }
            record = {_HYPER: values}
        else:
            record = member(config)
    return json.loads(json.dumps(record, default=str))


def in_order(config: Config, facts: Mapping[str, Any], folder: str) -> Config:
    """Returns the configuration with its tasks and columns in the order of a checkpoint.

    Args:
        config: the configuration of the YAML and ``-o``.
        facts: the checkpoint's facts.
        folder: the checkpoint's folder, for the log.

    Raises:
        UserError: the configuration's tasks are malformed.
    """
    with loading.model_errors(config):
        reorder = getattr(loading.any_model(config), "in_order_of", None)
        if reorder is None or KEY not in facts:
            return config
        replaced = reorder(config, facts[KEY])
    for key, entries in replaced.items():
        names = ", ".join(entry["name"] if isinstance(entry, dict) else entry for entry in entries)
        logger.info("%s in the order of checkpoint %s: %s", key, folder, names)
    return config.completed(replaced)


def check(config: Config, facts: Mapping[str, Any], folder: str, grown: bool = False) -> None:
    """Checks that a checkpoint was trained with a configuration's model.

    For a model written for PaddleRec other hyper-parameters are a warning.

    Args:
        config: the complete configuration.
        facts: the checkpoint's facts; without a record of the model nothing is checked.
        folder: the checkpoint's folder, for the error.
        grown: whether the sizes of sparse fields may differ.

    Raises:
        UserError: tasks, inputs, columns, net or hyper-parameters differ.
    """
    saved, now = facts.get(KEY, {}), of(config)
    if grown:
        saved = _resized(saved, now)
    difference = next(differences(saved, now), None)
    if difference is None:
        return
    what, theirs, ours = difference
    problem = f"checkpoint {folder} was trained with {what} {theirs}; {config.yaml_path} has {ours}"
    if loading.written_for_paddlerec(config):
        logger.warning("%s", problem)
        return
    raise UserError(f"{problem}; use the values of the checkpoint, or train again")


def check_warm(config: Config, facts: Mapping[str, Any], folder: str, scope: Any) -> None:
    """Checks that a warm start gives no task or field the parameters of another.

    Args:
        config: the complete configuration.
        facts: the checkpoint's facts; without a record of the model nothing is checked.
        folder: the checkpoint's folder, for the error.
        scope: ``runner.init_scope``. With a list of patterns a difference is only a warning.

    Raises:
        UserError: a task or field of the checkpoint stands at the place of another.
    """
    saved, now = facts.get(KEY, {}), of(config)
    for what in ("tasks", _FIELDS):
        theirs, ours = (_names(_list(record, what)) for record in (saved, now))
        shared = min(len(theirs), len(ours))
        if theirs[:shared] == ours[:shared] or (what == "tasks" and scope == "sparse"):
            continue
        problem = (
            f"warm start from checkpoint {folder}: it was trained with {what} {', '.join(theirs)}; "
            f"{config.yaml_path} has {', '.join(ours)}"
        )
        if not isinstance(scope, list):
            raise UserError(f"{problem}; runner.init_scope can name the parameters to load")
        logger.warning("%s; parameters are taken by their positions", problem)


def _resized(saved: Mapping[str, Any], now: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns a record whose sparse fields have the sizes of another one."""
    sizes = {field["name"]: field["size"] for field in _list(now, _FIELDS)}
    fields = [
        {**field, "size": sizes.get(field["name"], field["size"])}
        for field in _list(saved, _FIELDS)
    ]
    return {**saved, _HYPER: {**saved.get(_HYPER, {}), _FIELDS: fields}} if fields else saved


def _list(record: Mapping[str, Any], what: str) -> list[dict]:
    return record.get(_HYPER, {}).get(what, []) if what == _FIELDS else record.get(what, [])


def differences(saved: Mapping[str, Any], now: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yields the differences of two records: what differs, the saved value and the present one.

    Args:
        saved: a checkpoint's record; parts that it lacks are not compared.
        now: the record of the configuration.
    """
    theirs, ours = saved.get("tasks", []), now.get("tasks", [])
    if theirs and _names(theirs) != _names(ours):
        yield "tasks", ", ".join(_names(theirs)), ", ".join(_names(ours))
        return
    for old, new in zip(theirs, ours):
        for key in old:
            if old[key] != new.get(key, old[key]):
                yield f"task {old['name']}: {key}", _text(old[key]), _text(new[key])
    for prefix, old, new in (
        ("", saved, {key: now[key] for key in ("net", "inputs") if key in now}),
        ("columns ", saved.get("columns", {}), now.get("columns", {})),
        (f"{_HYPER}.", saved.get(_HYPER, {}), now.get(_HYPER, {})),
    ):
        for key in new:
            if key in old and not _is_equal(old[key], new[key]):
                yield (prefix + key, *map(_text, _first_difference(old[key], new[key])))


def _first_difference(old: Any, new: Any) -> tuple[Any, Any]:
    """Returns the first entries of two lists that differ; the values if they are no such lists."""
    if not (isinstance(old, list) and isinstance(new, list) and len(old) == len(new)):
        return old, new
    return next(pair for pair in zip(old, new) if pair[0] != pair[1])


def _is_equal(first: Any, second: Any) -> bool:
    """Compares values; a number and a list with that number mean the same sizes."""
    alike = [value if isinstance(value, list) else [value] for value in (first, second)]
    return alike[0] == alike[1]


def _names(entries: Any) -> list[str]:
    return [entry["name"] for entry in entries or ()]


def _text(value: Any) -> str:
    """Returns a value in one line of an error; a long one is cut."""
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    return text if len(text) <= 200 else f"{text[:200]} ..."
