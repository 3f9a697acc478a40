"""Loads DygraphModel, StaticModel and RecDataset from a model folder."""

from __future__ import annotations

import inspect
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain
from typing import Any

from engine.config.config import Config
from engine.model_folder import data_files, importing
from engine.model_folder.importing import REPOSITORY
from engine.system.errors import UserError

__all__ = ["REPOSITORY"]

_declared: dict[str, Mapping[str, Any] | None] = {}  # hyper-parameters by folder, a cache


def load_class(folder: str, module: str, name: str) -> Any:
    """Returns a class of a module in a model's folder, such as ``net``, ``MMoELayer``.

    Raises:
        UserError: the module does not define it.
    """
    value = getattr(importing.import_module(folder, module), name, None)
    if value is None:
        raise UserError(f"{folder}/{module}.py defines no class {name}")
    return value


def dygraph_model(config: Config) -> Any:
    """Returns the DygraphModel of the configuration's folder."""
    return load_class(config.folder, "dygraph_model", "DygraphModel")()


def static_model(config: Config) -> Any:
    """Returns the StaticModel of the configuration's folder."""
    return load_class(config.folder, "static_model", "StaticModel")(settings(config))


def any_model(config: Config) -> Any:
    """Returns the DygraphModel of the configuration's folder; the StaticModel if there is none."""
    has_dygraph = os.path.isfile(os.path.join(config.folder, "dygraph_model.py"))
    return dygraph_model(config) if has_dygraph else static_model(config)


def hyper_parameters(folder: str) -> Mapping[str, Any] | None:
    """Returns the hyper-parameters that a folder's model declares, with their defaults.

    None if the model declares none, as models written for PaddleRec: any key is then allowed.
    """
    if os.path.isfile(os.path.join(folder, "dygraph_model.py")):
        model = load_class(folder, "dygraph_model", "DygraphModel")
    else:
        model = load_class(folder, "static_model", "StaticModel")
    declare = getattr(model, "hyper_parameters", None)
    _declared[folder] = declare() if declare else None
    return _declared[folder]


def written_for_paddlerec(config: Config) -> bool:
    """Returns whether a configuration's folder may have been written for PaddleRec.

    Models of this project declare their hyper-parameters. For a folder whose model does not, the
    engine keeps PaddleRec's behaviour, even where its own defaults are better.
    """
    known = ("dygraph_model.py", "static_model.py")
    if not any(os.path.isfile(os.path.join(config.folder, name)) for name in known):
        return False  # a reader for an exported model
    if config.folder not in _declared:
        hyper_parameters(config.folder)
    return _declared[config.folder] is None


def settings(config: Config) -> Mapping[str, Any]:
    """Returns a configuration for models and readers: a copy for those that may change it."""
    return dict(config) if written_for_paddlerec(config) else config


def call(function: Callable, *arguments: Any, **options: Any) -> Any:
    """Calls a function with those of the keyword arguments that it accepts."""
    accepted = inspect.signature(function).parameters
    if not any(each.kind is each.VAR_KEYWORD for each in accepted.values()):
        options = {name: value for name, value in options.items() if name in accepted}
    return function(*arguments, **options)


def dataset(
    config: Config,
    reader: str,
    files: list[str],
    folder: str | None = None,
    training: bool = False,
) -> Any:
    """Returns a reader's RecDataset over some files, or the rows of its data generator.

    Args:
        config: the configuration.
        reader: the module's name, without ``.py``.
        files: the data files.
        folder: the module's folder; by default the configuration's folder.
        training: whether the files are the training files, which some readers read in another way.
    """
    from engine.model_folder import slot_data  # imports Paddle, which -h does not need

    folder = folder or config.folder
    module = importing.import_module(folder, reader)
    generator = slot_data.generator_class(module)
    if generator and not hasattr(module, "RecDataset"):
        lists = (data_files.files_of([path]) for path in files)
        return slot_data.SlotDataset(generator, list(chain(*lists)), settings(config))
    kind = load_class(folder, reader, "RecDataset")
    create = getattr(kind, "for_training", kind) if training else kind
    return create(files, settings(config))


def dataset_member(config: Config, reader: str, name: str) -> Any:
    """Returns an optional member of a reader's RecDataset; None without it or without a reader."""
    try:
        return getattr(load_class(config.folder, reader, "RecDataset"), name, None)
    except UserError:  # a command that needs the reader reports the error later
        return None


def files(config: Config, key: str) -> list[str]:
    """Returns the data files of a ``runner`` key; see `reader_files`.

    Args:
        config: the configuration.
        key: the ``runner`` key that names folders and files.

    Raises:
        UserError: the key is not set, or a folder or a file cannot be used.
    """
    try:
        return reader_files(config, config.runner(key))
    except UserError as error:
        raise config.error(f"runner.{key}", str(error)) from error


def reader_files(config: Config, paths: Sequence[str]) -> list[str]:
    """Returns the ``file_list`` of a configuration's reader.

    It is the data files of some folders and files. A reader written for PaddleRec gets a folder's
    own entries, as there: sub-folders too, which some readers walk themselves.

    Raises:
        UserError: a folder or a file cannot be used.
    """
    list_files = data_files.entries_of if written_for_paddlerec(config) else data_files.files_of
    return list_files(paths)


def hook(model: Any, name: str, purpose: str) -> Any:
    """Returns an optional member of a model, which PaddleRec's contract does not contain.

    Args:
        model: the model, or its class.
        name: the member's name.
        purpose: what needs it, for the error.

    Raises:
        UserError: the model does not define it.
    """
    member = getattr(model, name, None)
    if member is None:
        kind = model if isinstance(model, type) else type(model)
        raise UserError(f"{purpose} needs {kind.__module__}.{kind.__name__}.{name}: not defined")
    return member


def check_static_member(config: Config, name: str, purpose: str) -> None:
    """Checks that the StaticModel of the configuration's folder has a member; see `hook`."""
    hook(load_class(config.folder, "static_model", "StaticModel"), name, purpose)


def input_specs(model: Any, config: Config) -> Callable:
    """Returns the method of a DygraphModel that declares its net's inputs.

    Raises:
        UserError: there is none.
    """
    declare = getattr(model, "input_specs", None)
    if declare is None:
        raise UserError(
            f"{config.folder}/dygraph_model.py: to export a model, add to DygraphModel a method "
            "input_specs(self, config) that returns its net's inputs, e.g. "
            "[paddle.static.InputSpec([None, 499], 'float32', 'input')]"
        )
    return declare


@contextmanager
def model_errors(config: Config) -> Iterator[None]:
    """Turns a model's ValueError about a hyper-parameter into a UserError."""
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
