"""A model, the rows to predict and how to run it, from the command line of paddle_infer.py."""

from __future__ import annotations

import argparse
import os
from dataclasses import dataclass

from engine.checkpoints import choice
from engine.config.config import Config
from engine.data import sources
from engine.data.sources import Source
from engine.deployment.exported_model import model_files
from engine.deployment.exported_model.model_files import ExportedModel
from engine.deployment.predictors import predictor
from engine.evaluation import predictions
from engine.model_folder import loading
from engine.system import atomic_files
from engine.system.errors import UserError


@dataclass(frozen=True)
class Job:
    """A model, the rows for it and how to run it.

    Attributes:
        model: the exported model.
        config: the YAML's configuration, or what the model's metadata tell.
        data_dir: folder of the rows.
        reader: path of the reader's module.
        batch_size: rows a batch.
        limit: rows to take from the start; None for all.
        options: how the model is run.
    """

    model: ExportedModel
    config: Config
    data_dir: str
    reader: str
    batch_size: int
    limit: int | None
    options: predictor.Options

    def source(self, batch_size: int | None = None) -> Source:
        """Returns the rows in batches, of another size if need be."""
        folder, name = os.path.split(os.path.splitext(self.reader)[0])
        try:
            files = loading.files_in(self.data_dir)
        except UserError as error:
            raise UserError(f"--data_dir: {error}") from error
        size = batch_size or self.batch_size
        return sources.open_reader(self.config, name, files, size, None, folder)


def open_job(arguments: argparse.Namespace, config: Config | None) -> Job:
    """Returns the job of a command line.

    Args:
        arguments: the parsed command line.
        config: the configuration of ``-m``; None without one.

    Raises:
        UserError: the options name no model, no data or no reader, or contradict each other.
    """
    if arguments.save_predictions:
        predictions.check(arguments.save_predictions)
    if arguments.save_log_path:
        atomic_files.check_writable(os.path.dirname(os.path.abspath(arguments.save_log_path)))
    options = predictor.Options(
        engine=arguments.engine,
        use_gpu=arguments.use_gpu,
        use_xpu=arguments.use_xpu,
        use_npu=arguments.use_npu,
        cpu_threads=arguments.cpu_threads,
        enable_mkldnn=arguments.enable_mkldnn,
        enable_tensorrt=arguments.enable_tensorRT,
        precision=arguments.precision,
        batch_size=_given(arguments.batchsize, config, "infer_batch_size") or 1,
    )
    model = _model(arguments, config)
    if config:
        _check_tasks(model, config)
    reader = arguments.reader_file
    if reader is None and config:
        name = config.runner("infer_reader_path") or config.runner("train_reader_path")
        reader = os.path.join(config.folder, f"{name}.py")
    data_dir = _given(arguments.data_dir, config, "test_data_dir")
    for option, value in (("--data_dir", data_dir), ("--reader_file", reader)):
        if value is None:
            raise UserError(f"which data? give {option}, or a YAML with -m")
    return Job(
        model=model,
        config=config or _remembered(model),
        data_dir=os.path.abspath(data_dir),
        reader=os.path.abspath(reader),
        batch_size=options.batch_size,
        limit=arguments.limit,
        options=options,
    )


def _given(value, config: Config | None, name: str):
    return config.runner(name) if value is None and config else value


def _model(arguments: argparse.Namespace, config: Config | None) -> ExportedModel:
    folder, file = arguments.model_dir, arguments.model_file
    if folder is None and file is None and config:
        folder = os.path.join(config.runner("model_save_path"), choice.to_export(config))
    return model_files.find(folder, file, arguments.params_file, arguments.engine)


def trained_encoding(arguments: argparse.Namespace, config: Config) -> str:
    """Returns the encoding that the command line's model was trained with; see `encoding`.

    Raises:
        UserError: there is no such model, or its metadata lack the encoding.
    """
    model = _model(arguments, config)
    found = model.about.get("hyper_parameters", {}).get("encoding")
    if found is None:
        raise UserError(
            f"{model.prefix}{model_files.META} names no encoding: export the model anew"
        )
    return found


def _check_tasks(model: ExportedModel, config: Config) -> None:
    """Makes sure that the YAML's reader yields the labels of the model's tasks, in their order."""
    trained = model.about.get("hyper_parameters", {}).get("tasks")
    tasks = config.get("hyper_parameters.tasks")
    if trained and tasks and _labels(trained) != _labels(tasks):
        raise config.error("hyper_parameters.tasks", f"the model was exported for {trained}")


def _labels(tasks: list) -> list:
    return [(task.get("name"), task.get("label_column")) for task in tasks]


def _remembered(model: ExportedModel) -> Config:
    """Returns the configuration that the metadata beside a model keep, for its reader."""
    kept = model.about.get("hyper_parameters", {})
    values = {f"hyper_parameters.{name}": value for name, value in kept.items()}
    return Config(values, model.prefix + model_files.META)
