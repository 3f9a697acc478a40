"""A command line that trains on the data of a case."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import string
from typing import Any

from benchmarking.cases import Case
from benchmarking.processes import last_json_object, run_in
from benchmarking.runs import Run
from engine.system.errors import UserError

PLACEHOLDERS = ("data", "test_data", "batch_size", "epochs", "threads", "graph", "mode", "output")
# The last line of an epoch, as PaddleRec's tools log it.
_EPOCH_TIME = re.compile(r"epoch: \d+ done, .*epoch time: ([\d.]+) s")


class CommandLine:
    """A command line with placeholders such as ``{data}``.

    It is measured from outside. If the last line of its standard output is a JSON object, the
    numbers ``rows_per_second`` (steady state) and ``rows`` come from it. Otherwise the steady state
    comes from log lines in PaddleRec's form, ``epoch time: N s``, if there are any.

    Args:
        text: the command line.

    Raises:
        UserError: it has an unknown placeholder, or there is no such command.
    """

    def __init__(self, text: str):
        self.name = text
        try:
            self._words = shlex.split(text)
            names = {name for word in self._words for _, name, *_ in string.Formatter().parse(word)}
        except ValueError as error:
            raise UserError(f"--against {text}: {error}") from error
        unknown = sorted(names - {None, *PLACEHOLDERS})
        if unknown or not self._words:
            known = ", ".join(f"{{{name}}}" for name in PLACEHOLDERS)
            problem = f"unknown placeholder {{{unknown[0]}}}" if unknown else "nothing to run"
            raise UserError(f"--against {text}: {problem}; the placeholders are {known}")
        if not shutil.which(self._words[0]):
            raise UserError(f"--against {text}: there is no folder and no command with this name")
        self._can_evaluate = "mode" in names

    def covers(self, case: Case) -> bool:
        """Whether it can run a case: evaluation needs the placeholder ``{mode}``."""
        return case.mode == "train" or self._can_evaluate

    def prepare(self, cases: list[Case]) -> None:
        """Does nothing: a command line prepares its own data."""

    def phases(self, case: Case, batches: int) -> dict[str, Any]:
        """Returns nothing: the steps of a command line cannot be measured from outside."""
        return {}

    def run(self, case: Case, folder: str) -> Run:
        """Runs a case.

        Args:
            case: the case.
            folder: an empty folder for its output.
        """
        values = {
            "data": case.data_of("train"),
            "test_data": case.data_of("eval") or "",
            "batch_size": case.batch_size,
            "epochs": case.epochs,
            "threads": case.threads,
            "graph": case.graph,
            "mode": case.mode,
            "output": os.path.join(folder, "output"),
        }
        command = [word.format(**values) for word in self._words]
        process = run_in(folder, command, case.threads, self.name)
        run = Run(process["seconds"], process["cpu_seconds"], process["peak_memory_mb"])
        reported = last_json_object(os.path.join(folder, "stdout"))
        for name in ("rows", "rows_per_second"):
            if isinstance(reported.get(name), (int, float)) and reported[name] > 0:
                setattr(run, name, reported[name])
        if run.rows_per_second is None:
            texts = []
            for name in ("stderr", "stdout"):  # PaddleRec's log, and the results of this project
                with open(os.path.join(folder, name), encoding="utf-8", errors="replace") as file:
                    texts.append(file.read())
            seconds = map(float, _EPOCH_TIME.findall("\n".join(texts)))
            run.extra["epoch_seconds"] = sum(seconds)
        return run
