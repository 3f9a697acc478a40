"""Runs the commands of a cell: training, an evaluation of each curve, and the test."""

from __future__ import annotations

import json
import logging
import os
import shutil
import sys
from collections.abc import Iterator
from typing import Any

from benchmarking import processes
from comparing import checkpoint_choice
from comparing.matrix import Cell
from comparing.schema import BEST, Choice
from engine.checkpoints import layout
from engine.config.config import Config
from engine.config.load import load_config
from engine.data import splits
from engine.model_folder import loading
from engine.system.errors import UserError

logger = logging.getLogger(__name__)

TOOLS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
_VALID = "valid"  # name of the curve of the trainer's own evaluations

Curve = dict[str, dict[str, Any]]  # metrics by name, by epoch


def configuration(cell: Cell) -> Config:
    """Returns the configuration that a cell trains with.

    Raises:
        UserError: the YAML or an option is wrong, or test data would choose the checkpoint.
    """
    choose = cell.data.choose
    try:
        options = [*cell.options, f"runner.seed={cell.seed}"]
        config = load_config(cell.yaml, options, loading.hyper_parameters)
        for name in ("epochs", "train_data_dir", "test_data_dir"):
            config.runner(name)  # raises, if the key is not set
        if isinstance(choose, Choice):
            overlap = splits.find_overlap(config, [cell.data.curves[choose.by]])
            if overlap:
                problem = f"curve {choose.by} and the test set must not overlap: {overlap}"
                raise UserError(f"choose: {problem}")
        if choose == BEST:
            splits.check_validation_data(config, "choose: best")
        elif config.runner("early_stopping_patience"):
            splits.check_validation_data(config, "early stopping")
        elif config.get("hyper_parameters.optimizer.schedule") == "plateau":
            splits.check_validation_data(config, "schedule: plateau")
    except UserError as error:
        raise UserError(f"{cell.name}: {error}") from error
    return config


class CellRun:
    """The commands of a cell, each in a process.

    Args:
        cell: the cell.
        folder: an empty folder for logs and checkpoints.
        threads: threads of each command.

    Attributes:
        commands: the command lines that ran, as a user would type them.
    """

    def __init__(self, cell: Cell, folder: str, threads: int):
        self.commands: list[str] = []
        self._cell, self._folder, self._threads = cell, folder, threads
        self._output = os.path.join(folder, "output")
        self._config = configuration(cell)

    def run(self) -> dict[str, Any]:
        """Trains, evaluates the checkpoint of every epoch, chooses one and tests it.

        Raises:
            UserError: a command failed, or no checkpoint can be chosen.
        """
        data = self._cell.data
        trained = self._command("trainer", "train", "runner.resume=False")
        valid = _validations(trained)
        curves = self._curves(trained, valid)
        typed = not loading.written_for_paddlerec(self._config)
        epoch = checkpoint_choice.choose_epoch(data.choose, curves, trained, typed)
        metrics = self._metrics()
        options = [f"runner.metrics=[{','.join(metrics)}]"]
        options.append(f"runner.gauc_column={data.gauc_column or 'null'}")
        options.append(f"runner.slice_by={data.slice_by or 'null'}")
        if "ece" not in metrics:
            options.append("runner.ece_bins=null")
        if not {"acc", "precision", "recall", "f1"} & set(metrics):
            options.append("runner.threshold=null")
        checkpoint = layout.BEST if data.choose == BEST else None
        options = [*self._infer_options(epoch, epoch + 1, checkpoint), *options]
        tested = self._command("infer", "test", *options)
        self._remove_other_checkpoints(checkpoint or str(epoch))
        return {
            "epochs": 1 + max(map(int, [*trained["epochs"], *valid])),
            "chosen_epoch": epoch,
            "curves": curves,
            "tasks": tested["epochs"][str(epoch)]["tasks"],
            "test_rows": tested["rows"],
            "gates": tested["gates"],
            "parameters": tested["parameters"],
            "train_rows": trained["rows"],
            "train_seconds": trained["seconds"],
            "environment": trained["environment"],
        }

    def _metrics(self) -> list[str]:
        """Returns the metrics of the test."""
        data, tasks = self._cell.data, self._config.get("hyper_parameters.tasks") or []
        has_numbers = any(task.get("type") in ("regression", "count") for task in tasks)
        more = ["xauc", "mae"] if has_numbers and "metrics" not in data.model_fields_set else []
        return [*data.metrics, *more]

    def _curves(self, trained: dict[str, Any], valid: Curve) -> dict[str, Curve]:
        """Returns the metrics after each epoch, by the name of the curve."""
        curves = {"train": _by_epoch(trained)}
        epochs = len(trained["epochs"])
        for name, folder in self._cell.data.curves.items():
            if valid and self._is_valid_folder(folder):
                curves[name] = valid
            elif epochs:
                options = self._infer_options(0, epochs)
                step = f"curve-{name}"
                evaluated = self._command("infer", step, *options, f"runner.test_data_dir={folder}")
                curves[name] = _by_epoch(evaluated)
        if valid and valid not in curves.values():
            curves.setdefault(_VALID, valid)
        return curves

    def _is_valid_folder(self, folder: str) -> bool:
        """Whether training was evaluated on the rows of a folder."""
        valid = map(os.path.realpath, self._config.runner("valid_data_dir"))
        return [os.path.realpath(folder)] == list(valid)

    def _infer_options(self, first: int, end: int, checkpoint: str | None = None) -> Iterator[str]:
        yield f"runner.infer_load_path={self._output}"
        yield f"runner.infer_checkpoint={checkpoint or 'null'}"
        yield from (f"runner.infer_start_epoch={first}", f"runner.infer_end_epoch={end}")

    def _command(self, tool: str, step: str, *options: str) -> dict[str, Any]:
        """Runs a command of ``tools/`` and returns its measurements."""
        folder = os.path.join(self._folder, step)
        os.makedirs(folder)
        measurements = os.path.join(folder, "metrics.json")
        options = [
            *self._cell.options,
            f"runner.seed={self._cell.seed}",
            f"runner.model_save_path={self._output}",
            "runner.use_fleet=False",
            "runner.keep_checkpoints=null",  # curves and the choice need every epoch's
            *options,
        ]
        arguments = ["-m", self._cell.yaml, "-o", *options]
        self.commands.append(" ".join([f"tools/{tool}.py", *arguments]))
        logger.info("%s: %s", self._cell.name, step)
        command = [sys.executable, os.path.join(TOOLS, f"{tool}.py"), *arguments]
        command.append(f"runner.save_metrics={measurements}")
        processes.run_in(folder, command, self._threads, f"{step} ({folder})")
        with open(measurements, encoding="utf-8") as file:
            return json.load(file)

    def _remove_other_checkpoints(self, tested: str) -> None:
        for name in os.listdir(self._output):
            is_checkpoint = layout.is_epoch(name) or name in (layout.BEST, layout.INTERRUPTED)
            if is_checkpoint and name != tested:
                shutil.rmtree(os.path.join(self._output, name))


def _by_epoch(measured: dict[str, Any]) -> Curve:
    """Returns the metrics of a run that are single numbers, by epoch."""
    return {epoch: _single_numbers(each["metrics"]) for epoch, each in measured["epochs"].items()}


def _validations(trained: dict[str, Any]) -> Curve:
    """Returns the metrics of the last evaluation in each epoch of a training run."""
    return {str(each["epoch"]): _single_numbers(each["metrics"]) for each in trained["valid"]}


def _single_numbers(metrics: dict[str, Any]) -> dict[str, float | None]:
    return {
        name: value
        for name, value in metrics.items()
        if value is None or isinstance(value, (int, float))
    }
