"""Hyper-parameters that follow from the training data, such as vocabulary sizes.

A reader's RecDataset may have a class method
``hyper_parameters_from_data(config, files, encoding)`` that returns them. One of them is
``encoding``: a text that identifies the meaning of the ids. Every checkpoint records its encoding,
and is only used with data of the same encoding.
"""

from __future__ import annotations

import os
from typing import Callable

from engine.checkpoints import find, layout
from engine.config.config import Config
from engine.data.reader_errors import reader_errors
from engine.model_folder import loading
from engine.system.errors import UserError

KEY = "hyper_parameters.encoding"
_HOOK = "hyper_parameters_from_data"


def complete_config(
    config: Config, read_encoding: Callable[[Config], str | None] | None = None
) -> Config:
    """Adds the hyper-parameters that follow from the training data to a configuration.

    Args:
        config: the configuration from the YAML and ``-o``.
        read_encoding: returns the encoding of the checkpoint or export that the command uses. If
            not given, the command trains, and the reader may read the training files.

    Raises:
        UserError: the reader cannot compute them, or cannot find those of the checkpoint.
    """
    reader = config.get("runner.train_reader_path") or config.get("runner.infer_reader_path")
    with reader_errors(reader):
        compute = loading.dataset_member(config, str(reader), _HOOK)
    if compute is None:
        return config
    files = loading.files(config, "train_data_dir") if read_encoding is None else None
    encoding = (read_encoding or _read_for_training)(config)
    with reader_errors(reader):
        values = compute(config, files, encoding)
    return config.completed({f"hyper_parameters.{name}": value for name, value in values.items()})


def _read_for_training(config: Config) -> str | None:
    """Returns the encoding of the checkpoint that training starts from; None without one."""
    if config.runner("resume"):
        root = config.runner("model_save_path")
        saved = [facts for prefix in layout.EXPORTS for _, facts in find.saved(root, prefix)]
        if saved:
            return max(saved, key=lambda facts: facts["saved_at"]).get("encoding")
    folder = config.runner("model_init_path")
    return read(folder) if folder else None


def read_for_evaluation(config: Config) -> str:
    """Returns the encoding of the first checkpoint that a configuration evaluates.

    Raises:
        UserError: there is no such checkpoint, or it has no encoding.
    """
    root = config.runner("infer_load_path") or config.runner("model_save_path")
    first = config.runner("infer_checkpoint") or str(config.runner("infer_start_epoch"))
    return read_required(os.path.join(root, first))


def read_required(folder: str) -> str:
    """Returns the encoding of the checkpoint in a folder.

    Raises:
        UserError: there is no checkpoint, or it has no encoding.
    """
    if not os.path.isdir(folder):
        raise UserError(f"there is no checkpoint {folder}")
    encoding = read(folder)
    if encoding is None:
        raise UserError(
            f"checkpoint {folder} records no encoding: it was trained with another reader, or not "
            "by the commands of tools/"
        )
    return encoding


def read(folder: str) -> str | None:
    """Returns the encoding of the checkpoint in a folder; None if it has none."""
    graphs = [find.read_facts(folder, prefix) for prefix in layout.EXPORTS]
    return next((facts["encoding"] for facts in graphs if facts and "encoding" in facts), None)


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
