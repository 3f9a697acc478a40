"""What a reader learns from the training data before there is a net: ids of values, so sizes.

A reader that learns has a class method ``learned(config, files, encoding)`` that returns
hyper-parameters. One of them is ``encoding``, a text that tells apart what ids mean; it is saved
with every checkpoint, and no checkpoint is used with data of another encoding.
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


def complete(config: Config, trained: Callable[[Config], str | None] | None = None) -> Config:
    """Returns the configuration with the hyper-parameters that its reader takes from the data.

    Args:
        config: what the YAML and ``-o`` say.
        trained: returns the encoding of the checkpoint or export that a command uses. If not
            given, the command trains, and the reader may learn from the training files.

    Raises:
        UserError: the reader cannot learn, or does not find what it once learned.
    """
    reader = config.get("runner.train_reader_path") or config.get("runner.infer_reader_path")
    with reader_errors(reader):
        learned = loading.dataset_member(config, str(reader), "learned")
    if learned is None:
        return config
    files = loading.files(config, "train_data_dir") if trained is None else None
    encoding = (trained or _start)(config)
    with reader_errors(reader):
        values = learned(config, files, encoding)
    return config.completed({f"hyper_parameters.{name}": value for name, value in values.items()})


def _start(config: Config) -> str | None:
    """Returns the encoding of the checkpoint that training starts from; None if it starts anew."""
    if config.runner("resume"):
        root = config.runner("model_save_path")
        found = [facts for prefix in layout.EXPORTS for _, facts in find.saved(root, prefix)]
        if found:
            return max(found, key=lambda facts: facts["saved_at"]).get("encoding")
    given = config.runner("model_init_path")
    return of_checkpoint(given) if given else None


def to_evaluate(config: Config) -> str:
    """Returns the encoding of the first checkpoint that a configuration evaluates.

    Raises:
        UserError: the checkpoint is not there, or its reader had none.
    """
    root = config.runner("infer_load_path") or config.runner("model_save_path")
    first = config.runner("infer_checkpoint") or str(config.runner("infer_start_epoch"))
    return required(os.path.join(root, first))


def required(folder: str) -> str:
    """Returns the encoding of the checkpoint in an epoch's folder.

    Raises:
        UserError: it is not there, or its reader had none.
    """
    if not os.path.isdir(folder):
        raise UserError(f"there is no checkpoint {folder}")
    encoding = of_checkpoint(folder)
    if encoding is None:
        raise UserError(f"{folder} was trained with another reader, or by other tools")
    return encoding


def of_checkpoint(folder: str) -> str | None:
    """Returns the encoding of the checkpoint in an epoch's folder, if its reader had one."""
    return next((facts["encoding"] for facts in _facts(folder) if "encoding" in facts), None)


def _facts(folder: str) -> list[dict]:
    """Returns what either graph's run wrote about its checkpoint in an epoch's folder."""
    found = [find.read_facts(folder, prefix) for prefix in layout.EXPORTS]
    return [facts for facts in found if facts]


def facts(config: Config) -> dict[str, str]:
    """Returns what a checkpoint's facts say of the encoding that it is trained with."""
    return {"encoding": config[KEY]} if KEY in config else {}


def check(config: Config, facts: dict, folder: str) -> None:
    """Makes sure that a checkpoint was trained with a configuration's encoding.

    Raises:
        UserError: it was not.
    """
    found, expected = facts.get("encoding"), config.get(KEY)
    if found != expected:
        raise UserError(
            f"{folder} was trained with encoding {found}, the data are read with {expected}: "
            "its ids have other meanings"
        )
