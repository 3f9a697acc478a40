"""YAMLs, models and batches, for scripts written with PaddleRec's ``utils.utils_single``."""

from __future__ import annotations

import logging
import os
from collections.abc import Iterator, Sequence
from typing import Any

import paddle

from engine.config import load, runner_values
from engine.config.config import Config
from engine.data import sources
from engine.data.batch import map_arrays
from engine.model_folder import loading, running_auc
from engine.system.errors import UserError

logger = logging.getLogger(__name__)


def load_yaml(yaml_file: str, other_part: Sequence[str] | None = None) -> dict[str, Any]:
    """Returns the sections ``runner`` and ``hyper_parameters`` of a YAML, with flat keys.

    Args:
        yaml_file: the path.
        other_part: further sections.

    Raises:
        UserError: the file cannot be read.
    """
    return get_all_inters_from_yaml(yaml_file, ["runner", "hyper_parameters", *(other_part or ())])


def get_all_inters_from_yaml(file: str, filters: Sequence[str]) -> dict[str, Any]:
    """Returns the values of a YAML whose flat keys begin with one of ``filters``."""
    content, _ = load.read_yaml(os.path.abspath(file))
    return {key: value for key, value in load.flat(content) if key.startswith(tuple(filters))}


def get_abs_model(model: str) -> str:
    """Returns the path of a YAML.

    Raises:
        UserError: there is no such file.
    """
    if not os.path.isfile(model):
        raise UserError(f"there is no configuration {model}")
    return model


def load_dy_model_class(abs_dir: str) -> Any:
    """Returns the DygraphModel of a folder, an object despite the function's name."""
    return loading.load_class(os.path.abspath(abs_dir), "dygraph_model", "DygraphModel")()


def load_static_model_class(config: dict) -> Any:
    """Returns the StaticModel of the folder ``config["config_abs_dir"]``, an object too."""
    return loading.load_class(_folder(config), "static_model", "StaticModel")(config)


class Batches:
    """A reader's batches; like PaddleRec's loader it can be called, and iterated more than once.

    In dygraph the fields of a batch are tensors, in static graph arrays.

    Args:
        source: the engine's batches, read in the main thread.
    """

    def __init__(self, source: sources.Source):
        self._source = source
        self._epoch = -1

    def __iter__(self) -> Iterator[Any]:
        self._epoch += 1
        convert = paddle.to_tensor if paddle.in_dynamic_mode() else lambda array: array
        for columns in self._source.batches(self._epoch):
            yield map_arrays(convert, columns)

    def __call__(self) -> Iterator[Any]:
        """Returns an iterator over the batches."""
        return iter(self)

    def __len__(self) -> int:
        """Returns the number of batches; a TypeError for a stream."""
        return len(self._source)


def create_data_loader(config: dict, place: Any = None, mode: str = "train") -> Batches:
    """Returns the batches of a configuration's reader.

    Training leaves out the last partial batch, as PaddleRec does; evaluation takes every row.

    Args:
        config: the flat configuration, with ``config_abs_dir``.
        place: PaddleRec's argument; a tensor is made on the current device.
        mode: ``train``, or another word for evaluation.

    Raises:
        UserError: a key is missing, or the data cannot be read.
    """
    plain = {"runner.shuffle": False, "runner.drop_last": True}  # also in a folder without a model
    yaml = config.get("yaml_path") or os.path.join(_folder(config), "config.yaml")
    checked = Config({**plain, **config}, os.path.join(_folder(config), os.path.basename(yaml)))
    runner_values.check(checked)
    open_source = sources.training_source if mode == "train" else sources.evaluation_source
    return Batches(open_source(checked))


def reset_auc(use_fleet: bool = False, auc_num: int = 1) -> None:
    """Sets the counts of every ``paddle.static.auc`` in the global scope to zero.

    Args:
        use_fleet: PaddleRec's argument, not needed here.
        auc_num: PaddleRec's argument, not needed here: no AUC is left out.
    """
    running_auc.reset_global()


def _folder(config: dict) -> str:
    folder = config.get("config_abs_dir")
    if folder is None:
        raise UserError('config["config_abs_dir"] is not set; expected the folder of the YAML')
    return os.path.abspath(folder)
