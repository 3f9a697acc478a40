"""Hyper-parameters that follow from the training data, such as vocabulary sizes.

A reader's RecDataset may have a class method
``hyper_parameters_from_data(config, files, encoding)`` that returns them. One of them is
``encoding``: a text that identifies the meaning of the ids. Every checkpoint records its encoding,
and is only used with data of the same encoding.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Callable

from engine.checkpoints import choice, find, layout, model_record
from engine.config.config import Config
from engine.data.reader_errors import reader_errors
from engine.model_folder import loading
from engine.system.errors import UserError

KEY = "hyper_parameters.encoding"
EXTEND = "runner.extend_vocabulary"
_HOOK, _CHANGES = "hyper_parameters_from_data", "vocabulary_changes"


def complete_config(
    config: Config, used: Callable[[Config], choice.Used] | None = None, graph: str = "dygraph"
) -> Config:
    """Adds the hyper-parameters that follow from the training data to a configuration.

    Tasks and columns get the order of the checkpoint that the command uses, if there is one.

    Args:
        config: the configuration from the YAML and ``-o``.
        used: returns the checkpoint or export that the command uses. If not given, the command
            trains, and the reader may read the training files.
        graph: ``dygraph`` or ``static``, if the command trains.

    Raises:
        UserError: the reader cannot compute them, or cannot find those of the checkpoint.
    """
    place, facts = used(config) if used else _training_starts_from(config, graph)
    config = model_record.in_order(config, facts, place)
    reader = config.get("runner.train_reader_path") or config.get("runner.infer_reader_path")
    with reader_errors(reader):
        compute = loading.dataset_member(config, str(reader), _HOOK)
        grows = used is None and config.runner("extend_vocabulary")
        if grows and loading.dataset_member(config, str(reader), _CHANGES) is None:
            raise config.error(EXTEND, f"{reader} learns no vocabulary from the data; remove it")
    if compute is None:
        return config
    encoding = facts.get("encoding")
    if grows and place and encoding is None:
        raise config.error(EXTEND, f"checkpoint {place} records no encoding to extend")
    if used and encoding is None:
        raise UserError(
            f"{place} records no encoding: it was trained with another reader, or not "
            "by the commands of tools/"
        )
    files = None if used else loading.files(config, "train_data_dir")
    with reader_errors(reader):
        values = compute(config, files, encoding)
    return config.completed({f"hyper_parameters.{name}": value for name, value in values.items()})


def _training_starts_from(config: Config, graph: str) -> choice.Used:
    """Returns the checkpoint that training resumes or starts warm from; without facts if none."""
    prefix = layout.PREFIXES[graph]
    if config.runner("resume"):
        saved = find.saved(config.runner("model_save_path"), prefix)
        if saved:
            return choice.Used(*saved[-1])
    folder = config.runner("model_init_path")
    return choice.Used(folder, find.facts(folder, prefix)) if folder else choice.Used("", {})


def can_extend(config: Config) -> bool:
    """Returns whether the training's reader has vocabularies that can be extended."""
    reader = config.runner("train_reader_path")
    return loading.dataset_member(config, reader, _CHANGES) is not None


def vocabulary_size(config: Config) -> int:
    """Returns the number of ids of a training's fields, those of unknown values left out."""
    fields = config.get("hyper_parameters.sparse_fields") or ()
    return sum(field["size"] - 1 for field in fields if field.get("share") is None)


def extends(config: Config, facts: Mapping[str, Any]) -> bool:
    """Returns whether a training has extended the vocabularies of a checkpoint.

    Args:
        config: the complete configuration.
        facts: the checkpoint's facts.
    """
    return bool(config.runner("extend_vocabulary")) and facts.get("encoding") != config.get(KEY)


def vocabulary_changes(config: Config, encoding: str) -> Mapping[str, Any]:
    """Returns how a training's vocabularies extend those of a checkpoint, by field.

    Each entry has the numbers ``kept``, ``added``, ``evicted`` and ``waiting``, and the array
    ``reset`` of old ids that stand for another value now, or for none.

    Args:
        config: the complete configuration of a training.
        encoding: the checkpoint's encoding.

    Raises:
        UserError: they do not extend them.
    """
    reader = config.runner("train_reader_path")
    with reader_errors(reader):
        return loading.dataset_member(config, reader, _CHANGES)(config, encoding)


def checkpoint_facts(config: Config) -> dict[str, str]:
    """Returns the part of a checkpoint's facts that records the encoding."""
    return {"encoding": config[KEY]} if KEY in config else {}


def check_checkpoint(config: Config, facts: dict, folder: str) -> None:
    """Checks that a checkpoint was trained with a configuration's encoding.

    Args:
        config: the configuration.
        facts: the checkpoint's facts.
        folder: the checkpoint's folder, for the error.

    Raises:
        UserError: the encodings differ.
    """
    found, expected = facts.get("encoding"), config.get(KEY)
    if found != expected:
        raise UserError(
            f"checkpoint {folder} was trained with encoding {found}, but the data are read with "
            f"encoding {expected}: equal ids stand for different values"
        )
