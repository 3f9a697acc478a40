"""A cell is run: the commands that a person would type, one after the other, each a process."""

from __future__ import annotations

import hashlib
import json
import logging
import os
import shutil
import sys
import time
from collections.abc import Iterator
from datetime import datetime, timezone
from typing import Any

from benchmarking import processes, provenance
from comparing.matrix import MEAN, Cell
from engine.checkpoints import layout
from engine.config.config import Config
from engine.config.load import load_config
from engine.data import splits
from engine.model_folder import loading
from engine.system import atomic_files
from engine.system.errors import UserError
from engine.training import early_stopping

logger = logging.getLogger(__name__)

_TOOLS = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
FINISHED, FAILED = "finished", "failed"
_VALID = "valid"  # the curve that the trainer draws, where no other has this name


def configuration(cell: Cell) -> Config:
    """Returns the configuration that a cell trains with.

    Raises:
        UserError: the YAML or an option is not as the model wants it.
    """
    try:
        options = [*cell.options, f"runner.seed={cell.seed}"]
        config = load_config(cell.yaml, options, loading.hyper_parameters)
        for name in ("epochs", "train_data_dir", "test_data_dir"):
            config.runner(name)
        by = cell.data.choose.by
        problem = splits.shared(config, cell.data.curves[by]) if by else None
        if problem:
            raise UserError(f"choose: {by} may not look at the test data{problem}")
        if cell.data.choose.best:
            splits.check(config, "choose: best")
        elif config.runner("early_stopping_patience"):
            splits.check(config, "early stopping")
        elif config.get("hyper_parameters.optimizer.schedule") == "plateau":
            splits.check(config, "schedule: plateau")
    except UserError as error:
        raise UserError(f"{cell.name}: {error}") from error
    return config


class Results:
    """What cells measured, a JSON file each, and how cells that lack one are run.

    Args:
        folder: where the files are.
        threads: of each command.
    """

    def __init__(self, folder: str, threads: int):
        self._folder, self._threads = folder, threads

    def path(self, cell: Cell) -> str:
        """Returns a cell's file."""
        return os.path.join(self._folder, cell.data.name, cell.model, f"{cell.seed}.json")

    def read(self, cell: Cell) -> dict[str, Any] | None:
        """Returns what a cell ended with; None if it was not run, or is another one by now.

        Raises:
            UserError: its file is damaged.
        """
        path = self.path(cell)
        try:
            with open(path, encoding="utf-8") as file:
                found = json.load(file)
            same = found["fingerprint"] == self._fingerprint(cell)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise UserError(f"{path}: damaged, remove it to run its cell again: {error}") from error
        return found if same else None

    def run(self, cell: Cell) -> dict[str, Any]:
        """Runs a cell, writes what it ended with, and returns it; one that fails is no error."""
        place = os.path.join(os.path.dirname(self.path(cell)), f"work-{cell.seed}")
        shutil.rmtree(place, ignore_errors=True)
        found: dict[str, Any] = {
            "cell": cell.name,
            "data": cell.data.name,
            "model": cell.model,
            "seed": cell.seed,
            "fingerprint": self._fingerprint(cell),
            "commit": provenance.commit(_TOOLS),
            "threads": self._threads,
            "started_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "commands": [],
        }
        started = time.perf_counter()
        try:
            found.update(_Run(cell, place, self._threads, found["commands"]).all())
            found["state"] = FINISHED
        except UserError as error:
            found.update(state=FAILED, problem=" ".join(str(error).split()))
        found["seconds"] = time.perf_counter() - started
        atomic_files.write_json(self.path(cell), found)
        return found

    def _fingerprint(self, cell: Cell) -> str:
        """Returns what changes if the cell would be another run; the code's commit is no part."""
        with open(cell.yaml, "rb") as file:
            content = hashlib.sha256(file.read()).hexdigest()
        data, folder = cell.data, os.path.dirname(cell.yaml)
        curves = [(key, os.path.relpath(path, folder)) for key, path in data.curves.items()]
        parts: list[Any] = [content, cell.options, cell.seed, curves]
        parts += [(data.choose.by, data.choose.metric), data.metrics, data.gauc_column]
        parts += ["best"] if data.choose.best else []
        return hashlib.sha256(repr((*parts, self._threads)).encode()).hexdigest()[:16]


class _Run:
    """The commands of a cell.

    Args:
        cell: the cell.
        place: an empty folder of its own, for logs and checkpoints.
        threads: of each command.
        commands: takes up what was run, as a person would type it.
    """

    def __init__(self, cell: Cell, place: str, threads: int, commands: list[str]):
        self._cell, self._place, self._threads, self._commands = cell, place, threads, commands
        self._output = os.path.join(place, "output")
        self._config = configuration(cell)

    def all(self) -> dict[str, Any]:
        """Trains, looks at every epoch's checkpoint, chooses one and tests that alone."""
        cell = self._cell
        trained = self._command("trainer", "train", "runner.resume=False")
        saved, valid = len(trained["epochs"]), _validated(trained)
        curves = {"train": _by_epoch(trained)}
        for name, folder in cell.data.curves.items():
            if valid and self._chooses(folder):
                curves[name] = valid
            elif saved:
                options = self._tested(0, saved, folder)
                curves[name] = _by_epoch(self._command("infer", f"curve-{name}", *options))
        if valid and valid not in curves.values():
            curves.setdefault(_VALID, valid)
        epoch = self._choose(curves, trained)
        options = [f"runner.metrics=[{','.join(cell.data.metrics)}]"]
        if cell.data.gauc_column:
            options.append(f"runner.gauc_column={cell.data.gauc_column}")
        tested = self._command("infer", "test", *self._tested(epoch, epoch + 1), *options)
        self._remove_others(epoch)
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

    def _chooses(self, folder: str) -> bool:
        """Whether a folder's rows are those that training was evaluated on."""
        return os.path.realpath(folder) == os.path.realpath(self._config.runner("valid_data_dir"))

    def _tested(self, first: int, end: int, folder: str | None = None) -> Iterator[str]:
        yield f"runner.infer_load_path={self._output}"
        best = self._cell.data.choose.best and folder is None
        yield f"runner.infer_checkpoint={layout.BEST if best else 'null'}"
        yield from (f"runner.infer_start_epoch={first}", f"runner.infer_end_epoch={end}")
        if folder:
            yield f"runner.test_data_dir={folder}"

    def _command(self, tool: str, step: str, *options: str) -> dict[str, Any]:
        """Runs a command of ``tools/`` and returns what it measured."""
        folder = os.path.join(self._place, step)
        os.makedirs(folder)
        measured = os.path.join(folder, "metrics.json")
        options = [
            *self._cell.options,
            f"runner.seed={self._cell.seed}",
            f"runner.model_save_path={self._output}",
            "runner.use_fleet=False",
            "runner.keep_checkpoints=null",  # curves and the choice look at every epoch's
            *options,
        ]
        command = [f"tools/{tool}.py", "-m", self._cell.yaml, "-o", *options]
        self._commands.append(" ".join(command))
        command[0] = os.path.join(_TOOLS, f"{tool}.py")
        command += [f"runner.save_metrics={measured}"]
        logger.info("%s: %s", self._cell.name, step)
        name = f"{step} ({folder})"
        processes.launched_in(folder, [sys.executable, *command], self._threads, name)
        with open(measured, encoding="utf-8") as file:
            return json.load(file)

    def _choose(self, curves: dict[str, dict[str, dict]], trained: dict[str, Any]) -> int:
        """Returns the epoch that is tested.

        Args:
            curves: metrics by epoch.
            trained: what the trainer measured.

        Raises:
            UserError: the curve that chooses has no such metric, or no number; or no epoch was
                finished.
        """
        choice = self._cell.data.choose
        if choice.best:
            return trained["best"]["epoch"]
        if not trained["epochs"]:
            raise UserError("training stopped early inside the first epoch: choose: best takes it")
        if choice.by is None:
            return len(trained["epochs"]) - 1
        curve = curves[choice.by]
        values = {epoch: _value(curve.get(epoch, {}), choice.metric) for epoch in trained["epochs"]}
        known = {epoch: value for epoch, value in values.items() if value is not None}
        if not known:
            metrics = ", ".join(next(iter(curve.values())))
            raise UserError(
                f"choose: no epoch has a {choice.metric} on {choice.by}; there are {metrics}"
            )
        best = min if early_stopping.lower_is_better(choice.metric) else max
        return int(best(known, key=known.get))

    def _remove_others(self, epoch: int) -> None:
        """Removes the checkpoints that were not chosen."""
        chosen = layout.BEST if self._cell.data.choose.best else str(epoch)
        for name in os.listdir(self._output):
            others = name.isdigit() or name in (layout.BEST, layout.INTERRUPTED)
            if others and name != chosen:
                shutil.rmtree(os.path.join(self._output, name))


def _by_epoch(measured: dict[str, Any]) -> dict[str, dict[str, float | None]]:
    """Returns a run's single-number metrics by epoch."""
    return {epoch: _single(found["metrics"]) for epoch, found in measured["epochs"].items()}


def _validated(trained: dict[str, Any]) -> dict[str, dict[str, float | None]]:
    """Returns the metrics of each epoch's last evaluation in training."""
    return {str(one["epoch"]): _single(one["metrics"]) for one in trained["valid"]}


def _single(metrics: dict[str, Any]) -> dict[str, float | None]:
    return {
        name: value
        for name, value in metrics.items()
        if value is None or isinstance(value, (int, float))
    }


def _value(metrics: dict[str, float | None], name: str) -> float | None:
    """Returns a metric, or what the trainer, too, calls the mean; None if there is no number.

    Raises:
        UserError: it would be the mean of metrics of which one is a loss.
    """
    names = [name]
    if name == MEAN:
        names = early_stopping.meant(metrics)
        losses = [one for one in names if early_stopping.lower_is_better(one)]
        if losses:
            raise UserError(f"choose: less of {', '.join(losses)} is better: name one metric")
    values = [metrics.get(one) for one in names]
    return None if not values or None in values else sum(values) / len(values)
