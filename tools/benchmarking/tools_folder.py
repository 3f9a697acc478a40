"""The commands of a tools folder, this one or another checkout's, measured from inside too."""

from __future__ import annotations

import json
import os
import shutil
import sys
import tempfile
from typing import Any

from benchmarking import worker
from benchmarking.cases import PARSED, Case
from benchmarking.processes import launched_in
from benchmarking.runs import Run

_COMMANDS = {
    ("train", "dygraph"): "trainer",
    ("eval", "dygraph"): "infer",
    ("train", "static"): "static_trainer",
    ("eval", "static"): "static_infer",
}
_UNTRAINED = 2  # batches that the checkpoint for evaluation is trained on


class ToolsFolder:
    """The commands of a tools folder with this project's engine, measured from inside as well.

    Args:
        folder: with trainer.py and the others.
        yaml: the model's configuration.
        overrides: the user's ``-o``.
        workspace: a folder for what the commands write.
    """

    def __init__(self, folder: str, yaml: str, overrides: list[str], workspace: str):
        self.name = folder
        self.yaml = yaml
        self._folder = os.path.abspath(folder)
        self._overrides = overrides
        self._workspace = workspace
        self._output = tempfile.mkdtemp(prefix="output-", dir=workspace)

    def covers(self, case: Case) -> bool:
        """Whether it can run a case."""
        return True

    def prepare(self, cases: list[Case]) -> None:
        """Parses the data, if that has not been done, and saves what evaluation needs."""
        for graph in dict.fromkeys(case.graph for case in cases):
            mine = [case for case in cases if case.graph == graph and case.data == PARSED]
            self._work(mine[0], "train", self._output, self._place(), limit=_UNTRAINED)
            if any(case.mode == "eval" for case in mine):
                self._work(mine[0], "eval", self._output, self._place(), limit=_UNTRAINED)

    def run(self, case: Case, place: str) -> Run:
        """Runs a case.

        Args:
            case: the case.
            place: an empty folder for what is written.
        """
        output = self._output
        if case.data != PARSED:
            output = os.path.join(place, "output")
            if case.mode == "eval":
                shutil.copytree(self._output, output)
        launched, found = self._work(case, case.mode, output, place, case.epochs, case.batches)
        return Run(
            launched["seconds"],
            launched["cpu_seconds"],
            launched["peak_memory_mb"],
            found["rows"],
            found["steady_rows"] / found["steady_seconds"],
            {
                "ms_per_step": 1e3 * found["steady_seconds"] / found["steady_batches"],
                **{name: found[name] for name in ("import_seconds", "own_memory_mb", "paddle")},
            },
        )

    def phases(self, case: Case, batches: int) -> dict[str, Any]:
        """Returns where a step's time goes, over so many batches: milliseconds a step."""
        place = self._place()
        _, found = self._work(case, case.mode, self._output, place, limit=batches, phases=True)
        done = found["steady_batches"]
        return {
            "phases_ms": {name: 1e3 * value / done for name, value in found["phases"].items()},
            "split_ms_per_step": 1e3 * found["steady_seconds"] / done,
            "split_batches": done,
        }

    def _place(self) -> str:
        return tempfile.mkdtemp(prefix="run-", dir=self._workspace)

    def _work(
        self,
        case: Case,
        mode: str,
        output: str,
        place: str,
        epochs: int = 1,
        limit: int | None = None,
        phases: bool = False,
    ) -> tuple[dict, dict]:
        """Runs a command; returns what was measured from outside and from inside."""
        given = {
            "train_data_dir": case.folders["train"],
            "test_data_dir": case.folders.get("eval"),
            "train_batch_size": case.batch_size,
            "infer_batch_size": case.batch_size,
            "epochs": epochs,
            "infer_start_epoch": 0,
            "infer_end_epoch": 1,
            "model_save_path": output,
            "infer_load_path": output,
            "resume": False,
            "cache_dir": None if case.data == PARSED else place,
        }
        options = [f"runner.{name}={value}" for name, value in given.items() if value is not None]
        task = {
            "tools": self._folder,
            "command": _COMMANDS[mode, case.graph],
            "arguments": ["-m", self.yaml, "-o", *self._overrides, *options],
            "limit": limit,
            "phases": phases,
            "result": os.path.join(place, "result.json"),
        }
        path = os.path.join(place, "task.json")
        with open(path, "w", encoding="utf-8") as file:
            json.dump(task, file)
        command = [sys.executable, os.path.abspath(worker.__file__), path]
        launched = launched_in(place, command, case.threads, self.name)
        with open(task["result"], encoding="utf-8") as file:
            return launched, json.load(file)
