"""Any command line that trains on the same data."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import string

from benchmarking.cases import Case
from benchmarking.processes import last_object, launched_in
from benchmarking.runs import Run
from engine.system.errors import UserError

PLACEHOLDERS = ("data", "test_data", "batch_size", "epochs", "threads", "graph", "mode", "output")
# The last line of an epoch, as PaddleRec's tools log it.
_EPOCH_TIME = re.compile(r"epoch: \d+ done, .*epoch time: ([\d.]+) s")


class CommandLine:
    """Any command line with placeholders such as ``{data}``.

    Its whole process counts. If the last line of its standard output is a JSON object, the
    numbers ``rows_per_second`` (steady state) and ``rows`` are taken from it; else the steady
    state comes from PaddleRec's log lines ``epoch time: N s``, if it writes them.

    Args:
        text: the command line.
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
            found = f"unknown placeholder {{{unknown[0]}}}" if unknown else "nothing to run"
            raise UserError(f"--against {text}: {found}; a command may have {known}")
        if not shutil.which(self._words[0]):
            raise UserError(
                f"--against {text}: there is neither a folder nor a command of that name"
            )
        self._any_mode = "mode" in names

    def covers(self, case: Case) -> bool:
        """Whether it can run a case: evaluation only if it has the placeholder ``{mode}``."""
        return case.mode == "train" or self._any_mode

    def prepare(self, cases: list[Case]) -> None:
        """Does nothing: what a command prepares is its own."""

    def run(self, case: Case, place: str) -> Run:
        """Runs a case.

        Args:
            case: the case.
            place: an empty folder for what is written.
        """
        values = {
            "data": case.folders["train"],
            "test_data": case.folders.get("eval", ""),
            "batch_size": case.batch_size,
            "epochs": case.epochs,
            "threads": case.threads,
            "graph": case.graph,
            "mode": case.mode,
            "output": os.path.join(place, "output"),
        }
        command = [word.format(**values) for word in self._words]
        launched = launched_in(place, command, case.threads, self.name)
        run = Run(launched["seconds"], launched["cpu_seconds"], launched["peak_memory_mb"])
        found = last_object(os.path.join(place, "stdout"))
        for name in ("rows", "rows_per_second"):
            if isinstance(found.get(name), (int, float)) and found[name] > 0:
                setattr(run, name, found[name])
        if run.rows_per_second is None:
            with open(os.path.join(place, "stderr"), encoding="utf-8", errors="replace") as file:
                run.more["epoch_seconds"] = sum(map(float, _EPOCH_TIME.findall(file.read())))
        return run
