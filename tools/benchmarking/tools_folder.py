"""The commands of a tools folder, of this or another checkout, measured from inside."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from typing import Any

from benchmarking import worker
from benchmarking.cases import PARSED, Case
from benchmarking.processes import run_in
from benchmarking.runs import Run

_COMMANDS = {
    ("train", "dygraph"): "trainer",
    ("eval", "dygraph"): "infer",
    ("train", "static"): "static_trainer",
    ("eval", "static"): "static_infer",
}
_PREPARATION = 2  # batches that the checkpoint for evaluation is trained on


class ToolsFolder:
    """The commands of a tools folder with this project's engine.

    Args:
        folder: the folder, with trainer.py and the other commands.
        yaml: path of the model's configuration.
        overrides: the values of ``-o``.
        workspace: a folder for the outputs of the commands.
    """

    def __init__(self, folder: str, yaml: str, overrides: list[str], workspace: str):
        self.name = folder
        self.yaml = yaml
        self._folder = os.path.abspath(folder)
        self._overrides = overrides
        self._workspace = workspace
        self._output = tempfile.mkdtemp(prefix="output-", dir=workspace)

    def covers(self, case: Case) -> bool:
        """Whether it can run a case: always."""
        return True

    def prepare(self, cases: list[Case]) -> None:
        """Parses data without parsed copies, and trains the checkpoints for evaluation."""
        for graph in dict.fromkeys(case.graph for case in cases):
            of_graph = [case for case in cases if case.graph == graph and case.data == PARSED]
            modes = ["train"] + ["eval"] * any(case.mode == "eval" for case in of_graph)
            for mode in modes:
                folder = self._new_folder()
                self._work(of_graph[0], mode, self._output, folder, limit=_PREPARATION)

    def run(self, case: Case, folder: str) -> Run:
        """Runs a case.

        Args:
            case: the case.
            folder: an empty folder for its output.
        """
        output = self._output_of(case, folder)
        process, measured = self._work(case, case.mode, output, folder, case.epochs, case.batches)
        return Run(
            process["seconds"],
            process["cpu_seconds"],
            process["peak_memory_mb"],
            measured["rows"],
            measured["steady_rows"] / measured["steady_seconds"],
            {
                "ms_per_step": 1e3 * measured["steady_seconds"] / measured["steady_batches"],
                **{name: measured[name] for name in ("import_seconds", "own_memory_mb", "paddle")},
            },
        )

    def phases(self, case: Case, batches: int) -> dict[str, Any]:
        """Returns the milliseconds of each phase of a step, measured over some batches."""
        folder = self._new_folder()
        output = self._output_of(case, folder)
        _, measured = self._work(case, case.mode, output, folder, limit=batches, phases=True)
        done = measured["steady_batches"]
        return {
            "phases_ms": {name: 1e3 * value / done for name, value in measured["phases"].items()},
            "split_ms_per_step": 1e3 * measured["steady_seconds"] / done,
            "split_batches": done,
        }

    def _output_of(self, case: Case, folder: str) -> str:
        """Returns the output folder of a run. A training gets one without checkpoints.

        It has the vocabularies of the prepared folder, so that only first runs build them.
        """
        if case.mode == "eval" and case.data == PARSED:
            return self._output
        output = os.path.join(folder, "output")
        if case.mode == "eval" or case.data == PARSED:
            epochs = ("[0-9]*", "best", "interrupted") if case.mode == "train" else ()
            shutil.copytree(self._output, output, ignore=shutil.ignore_patterns(*epochs))
        return output

    def _new_folder(self) -> str:
        return tempfile.mkdtemp(prefix="run-", dir=self._workspace)

    def _work(
        self,
        case: Case,
        mode: str,
        output: str,
        folder: str,
        epochs: int = 1,
        limit: int | None = None,
        phases: bool = False,
    ) -> tuple[dict, dict]:
        """Runs a command; returns the measurements from outside and from inside."""
        values = {
            "train_data_dir": case.data_of("train"),
            "test_data_dir": case.data_of("eval"),
            "train_batch_size": case.batch_size,
            "infer_batch_size": case.batch_size,
            "epochs": epochs,
            "infer_start_epoch": 0,
            "infer_end_epoch": 1,
            "model_save_path": output,
            "infer_load_path": output,
            "resume": False,
            "cache_dir": None if case.data == PARSED else folder,
        }
        options = [f"runner.{name}={value}" for name, value in values.items() if value is not None]
        task = {
            "tools": self._folder,
            "command": _COMMANDS[mode, case.graph],
            "arguments": ["-m", self.yaml, "-o", *self._overrides, *options],
            "limit": limit,
            "phases": phases,
            "result": os.path.join(folder, "result.json"),
        }
        path = os.path.join(folder, "task.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(task, file)
        command = [sys.executable, os.path.abspath(worker.__file__), path]
        process = run_in(folder, command, case.threads, self.name)
        with open(task["result"], encoding="utf-8") as file:
            return process, json.load(file)
