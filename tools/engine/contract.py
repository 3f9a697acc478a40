"""Loads DygraphModel, StaticModel and RecDataset out of a model folder.

The folder may have been written for PaddleRec: its modules import each other by their bare
names (``import net``), and other folders use the same names. So one folder at a time is on
``sys.path``, and its modules are forgotten when another folder takes its place.
"""

from __future__ import annotations

import importlib
import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from engine.config import Config
from engine.errors import UserError

REPOSITORY = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))

_active: str | None = None


def _import(folder: str, name: str) -> Any:
    """Imports module ``name`` of the model folder ``folder``."""
    global _active
    if not os.path.isfile(os.path.join(folder, *name.split(".")) + ".py"):
        raise UserError(f"{folder}: there is no {name}.py")
    if _active != folder:
        if _active is not None:
            sys.path.remove(_active)
            _forget(_active)
        if REPOSITORY not in sys.path:  # where models/ and datasets/ are
            sys.path.insert(0, REPOSITORY)
        sys.path.insert(0, folder)
        importlib.invalidate_caches()
        _active = folder
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        raise UserError(f"{folder}/{name}.py needs module {error.name}, not found") from error


def _forget(folder: str) -> None:
    for name, module in list(sys.modules.items()):
        if os.path.dirname(getattr(module, "__file__", None) or "") == folder:
            del sys.modules[name]


def _attribute(folder: str, module: str, name: str) -> Any:
    found = getattr(_import(folder, module), name, None)
    if found is None:
        raise UserError(f"{folder}/{module}.py defines no class {name}")
    return found


def dygraph_model(config: Config) -> Any:
    """Returns the DygraphModel of the configuration's folder."""
    return _attribute(config.folder, "dygraph_model", "DygraphModel")()


def static_model(config: Config) -> Any:
    """Returns the StaticModel of the configuration's folder."""
    return _attribute(config.folder, "static_model", "StaticModel")(config)


def hyper_parameters(folder: str) -> Mapping[str, Any] | None:
    """Returns the hyper-parameters that a folder's model declares, with their defaults.

    None if it declares none: a model of PaddleRec's form reads whatever keys it likes.
    """
    if os.path.isfile(os.path.join(folder, "dygraph_model.py")):
        model = _attribute(folder, "dygraph_model", "DygraphModel")
    else:
        model = _attribute(folder, "static_model", "StaticModel")
    declare = getattr(model, "hyper_parameters", None)
    return declare() if declare else None


def dataset(config: Config, reader: str, files: list[str], folder: str | None = None) -> Any:
    """Returns the RecDataset of a reader module over some files.

    Args:
        config: the configuration.
        reader: the module's name, without ``.py``.
        files: the data's files.
        folder: where the module is; the configuration's folder if not given.
    """
    return _attribute(folder or config.folder, reader, "RecDataset")(files, config)


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
