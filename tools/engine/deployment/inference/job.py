"""The job of ``tools/paddle_infer.py``: the model, the rows, and how to run the model."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass
from typing import Any

from engine.checkpoints import choice, model_record
from engine.config.config import Config
from engine.data import sources
from engine.data.sources import Source
from engine.deployment.exported_model import model_files
from engine.deployment.exported_model.model import METADATA_ENDING, ExportedModel
from engine.deployment.predictors.predictor import Options
from engine.evaluation import predictions
from engine.model_folder import loading
from engine.system import atomic_files
from engine.system.errors import UserError


@dataclass(frozen=True)
class Job:
    """A model, the rows to predict and how to run the model.

    Attributes:
        model: the exported model.
        config: the YAML's configuration, or one made from the model's metadata.
        data: folders and files of the rows.
        reader: path of the reader's module.
        batch_size: rows per batch.
        limit: use only that many rows from the start; None for all.
        options: how to run the model.
    """

    model: ExportedModel
    config: Config
    data: list[str]
    reader: str
    batch_size: int
    limit: int | None
    options: Options

    def source(self, batch_size: int | None = None) -> Source:
        """Returns the rows in batches.

        Args:
            batch_size: rows per batch; default: the job's.

        Raises:
            UserError: there are no data files, or the reader cannot be loaded.
        """
        folder, name = os.path.split(os.path.splitext(self.reader)[0])
        try:
            files = loading.reader_files(self.config, self.data)
        except UserError as error:
            raise UserError(f"--data_dir: {error}") from error
        size = batch_size or self.batch_size
        return sources.open_reader(self.config, name, files, size, None, folder)


def open_job(arguments: argparse.Namespace, config: Config | None) -> Job:
    """Returns the job that a command line describes.

    Args:
        arguments: the parsed command line.
        config: the configuration of ``-m``; None without it.

    Raises:
        UserError: no model, data or reader is named, or options contradict each other.
    """
    if arguments.save_predictions:
        predictions.check(arguments.save_predictions)
    if arguments.save_log_path:
        atomic_files.check_writable(os.path.dirname(os.path.abspath(arguments.save_log_path)))
    options = Options(
        engine=arguments.engine,
        use_gpu=arguments.use_gpu,
        use_xpu=arguments.use_xpu,
        use_npu=arguments.use_npu,
        cpu_threads=arguments.cpu_threads,
        enable_mkldnn=arguments.enable_mkldnn,
        enable_tensorrt=arguments.enable_tensorRT,
        precision=arguments.precision,
        batch_size=_option_or_yaml(arguments.batchsize, config, "infer_batch_size") or 1,
    )
    model = _find_model(arguments, config)
    model_files.announce("running", model)
    if config:
        _check_tasks(model, config)
    reader = arguments.reader_file
    if reader is None and config:
        name = config.runner("infer_reader_path") or config.runner("train_reader_path")
        reader = os.path.join(config.folder, f"{name}.py")
    data = _option_or_yaml(arguments.data_dir, config, "test_data_dir")
    for option, value in (("--data_dir", data), ("--reader_file", reader)):
        if value is None:
            raise UserError(f"{option} is missing: give it, or a YAML with -m")
    return Job(
        model=model,
        config=config or _config_of_metadata(model),
        data=[os.path.abspath(path) for path in data],
        reader=os.path.abspath(reader),
        batch_size=options.batch_size,
        limit=arguments.limit,
        options=options,
    )


def _option_or_yaml(value: Any, config: Config | None, key: str) -> Any:
    """Returns an option's value, or the YAML's ``runner`` key if the option is not given."""
    return config.runner(key) if value is None and config else value


def _find_model(arguments: argparse.Namespace, config: Config | None) -> ExportedModel:
    folder, file = arguments.model_dir, arguments.model_file
    if folder is None and file is None and config:
        folder = os.path.join(config.runner("model_save_path"), choice.to_export(config))
    return model_files.find(folder, file, arguments.params_file, arguments.engine)


def used_export(arguments: argparse.Namespace, config: Config) -> choice.Used:
    """Returns the facts of the model that a command line names, as those of a checkpoint.

    Raises:
        UserError: there is no such model.
    """
    model = _find_model(arguments, config)
    facts = {"encoding": model.hyper_parameters.get("encoding")}
    if "record" in model.metadata:
        facts[model_record.KEY] = model.metadata["record"]
    return choice.Used(f"{model.prefix}{METADATA_ENDING}", facts)


def _check_tasks(model: ExportedModel, config: Config) -> None:
    """Checks that the YAML has the model's tasks, with labels of the same meaning."""
    exported = model.hyper_parameters.get("tasks")
    tasks = config.get("hyper_parameters.tasks")
    if exported and tasks and _labels(exported) != _labels(tasks):
        raise config.error("hyper_parameters.tasks", f"expected the model's tasks, {exported}")


def _labels(tasks: list[dict]) -> list[tuple]:
    """Returns what a reader's labels of the tasks depend on."""
    names = ("name", "label_column", "type", "class_num", "classes")
    defaults = {"type": "binary"}
    return [tuple(task.get(name, defaults.get(name)) for name in names) for task in tasks]


def _config_of_metadata(model: ExportedModel) -> Config:
    """Returns a configuration of the hyper-parameters in the metadata, for the reader."""
    values = {f"hyper_parameters.{name}": value for name, value in model.hyper_parameters.items()}
    return Config(values, model.prefix + METADATA_ENDING)
