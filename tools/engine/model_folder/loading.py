"""Loads DygraphModel, StaticModel and RecDataset out of a model folder."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from engine.config.config import Config
from engine.model_folder import importing
from engine.model_folder.importing import REPOSITORY
from engine.system.errors import UserError

__all__ = ["REPOSITORY"]

_declared: dict[str, Mapping[str, Any] | None] = {}  # of the folders asked about so far


def _attribute(folder: str, module: str, name: str) -> Any:
    found = getattr(importing.module(folder, module), name, None)
    if found is None:
        raise UserError(f"{folder}/{module}.py defines no class {name}")
    return found


def dygraph_model(config: Config) -> Any:
    """Returns the DygraphModel of the configuration's folder."""
    return _attribute(config.folder, "dygraph_model", "DygraphModel")()


def static_model(config: Config) -> Any:
    """Returns the StaticModel of the configuration's folder."""
    return _attribute(config.folder, "static_model", "StaticModel")(settings(config))


def hyper_parameters(folder: str) -> Mapping[str, Any] | None:
    """Returns the hyper-parameters that a folder's model declares, with their defaults.

    None if it declares none: a model of PaddleRec's form reads whatever keys it likes.
    """
    if os.path.isfile(os.path.join(folder, "dygraph_model.py")):
        model = _attribute(folder, "dygraph_model", "DygraphModel")
    else:
        model = _attribute(folder, "static_model", "StaticModel")
    declare = getattr(model, "hyper_parameters", None)
    _declared[folder] = declare() if declare else None
    return _declared[folder]


def is_paddlerecs(config: Config) -> bool:
    """Whether a configuration's folder is one that may have been written for PaddleRec.

    Those of this project say which hyper-parameters they have. Where a folder does not, the
    engine does what PaddleRec's does, also where it would do better by itself.
    """
    known = ("dygraph_model.py", "static_model.py")
    if not any(os.path.isfile(os.path.join(config.folder, name)) for name in known):
        return False  # a reader that is used with an exported model
    if config.folder not in _declared:
        hyper_parameters(config.folder)
    return _declared[config.folder] is None


def settings(config: Config) -> Mapping[str, Any]:
    """Returns a configuration as models and readers get it: PaddleRec's may change theirs."""
    return dict(config) if is_paddlerecs(config) else config


def call(function: Callable, *arguments: Any, **options: Any) -> Any:
    """Calls a member of a model with those of the options that it takes."""
    taken = inspect.signature(function).parameters
    if not any(one.kind is one.VAR_KEYWORD for one in taken.values()):
        options = {name: value for name, value in options.items() if name in taken}
    return function(*arguments, **options)


def dataset(config: Config, reader: str, files: list[str], folder: str | None = None) -> Any:
    """Returns the RecDataset of a reader module over some files, or its data generator's rows.

    Args:
        config: the configuration.
        reader: the module's name, without ``.py``.
        files: the data's files.
        folder: where the module is; the configuration's folder if not given.
    """
    from engine.model_folder import (
        slot_data,  # imports Paddle, which reading a configuration needs not
    )

    folder, given = folder or config.folder, settings(config)
    kind = slot_data.generator_class(importing.module(folder, reader))
    if kind and not hasattr(importing.module(folder, reader), "RecDataset"):
        return slot_data.SlotDataset(kind, files, given)
    return _attribute(folder, reader, "RecDataset")(files, given)


def dataset_member(config: Config, reader: str, name: str) -> Any:
    """Returns an optional member of a reader's RecDataset; None if there is none, or no reader."""
    try:
        return getattr(_attribute(config.folder, reader, "RecDataset"), name, None)
    except UserError:  # a command that needs the reader says what is wrong with it
        return None


def files(config: Config, key: str) -> list[str]:
    """Returns the files of a data folder and its sub-folders, sorted; hidden ones do not count.

    Args:
        config: the configuration.
        key: the ``runner`` key that names the folder.

    Raises:
        UserError: there is no such folder, or it has no files.
    """
    try:
        return files_in(config.runner(key))
    except UserError as error:
        raise config.error(f"runner.{key}", str(error)) from error


def files_in(folder: str) -> list[str]:
    """Returns the files of a folder and its sub-folders, sorted; hidden ones do not count.

    Raises:
        UserError: there is no such folder, or it has no files.
    """
    if not os.path.isdir(folder):
        raise UserError(f"there is no folder {folder}")
    found = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [os.path.join(place, name) for name in names if not name.startswith(".")]
    if not found:
        raise UserError(f"folder {folder} holds no files")
    return sorted(found)


def hook(model: Any, name: str, purpose: str) -> Any:
    """Returns an optional member of a model, which PaddleRec's contract does not know.

    Raises:
        UserError: the model has none.
    """
    found = getattr(model, name, None)
    if found is None:
        kind = type(model)
        raise UserError(f"{purpose} needs {kind.__module__}.{kind.__name__}.{name}: not defined")
    return found


@contextmanager
def model_errors(config: Config) -> Iterator[None]:
    """Turns a model's refusal of a hyper-parameter (a ValueError) into a UserError."""
    try:
        yield
    except ValueError as error:
        key = str(error).split(":")[0]
        raise UserError(f"{config.source(key)}: {str(error).strip()}") from error


def embedding_tables(net: Any) -> set[str]:
    """Returns the variable names of a net's embedding tables."""
    from paddle.nn import Embedding

    layers = net.sublayers(include_self=True)
    return {layer.weight.name for layer in layers if isinstance(layer, Embedding)}
