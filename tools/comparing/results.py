"""The results of cells, one JSON file each."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import time
from datetime import datetime, timezone
from typing import Any

from benchmarking import provenance
from comparing.cell_run import TOOLS, CellRun
from comparing.matrix import Cell
from comparing.schema import BEST, MEAN, Choice
from engine.system import atomic_files
from engine.system.errors import UserError

FINISHED, FAILED = "finished", "failed"  # states of a cell

Record = dict[str, Any]  # the content of a cell's file


class Results:
    """Reads and writes the results of cells, and runs cells.

    Args:
        folder: folder of the files.
        threads: threads of each command.
    """

    def __init__(self, folder: str, threads: int):
        self._folder, self._threads = folder, threads

    def path(self, cell: Cell) -> str:
        """Returns the file of a cell."""
        return os.path.join(self._folder, cell.data_name, cell.model, f"{cell.seed}.json")

    def read(self, cell: Cell) -> Record | None:
        """Returns the record of a cell; None if it did not run with the present settings.

        Raises:
            UserError: the file is damaged.
        """
        path = self.path(cell)
        try:
            with open(path, encoding="utf-8") as file:
                record = json.load(file)
            is_current = record["fingerprint"] == self.fingerprint(cell)
        except FileNotFoundError:
            return None
        except (OSError, ValueError, KeyError, TypeError) as error:
            advice = "remove it to run the cell again"
            raise UserError(f"{path}: the file is damaged ({error}); {advice}") from error
        return record if is_current else None

    def run(self, cell: Cell) -> Record:
        """Runs a cell and returns its record, also if the cell fails."""
        folder = os.path.join(os.path.dirname(self.path(cell)), f"work-{cell.seed}")
        shutil.rmtree(folder, ignore_errors=True)
        record: Record = {
            "cell": cell.name,
            "data": cell.data_name,
            "model": cell.model,
            "seed": cell.seed,
            "fingerprint": self.fingerprint(cell),
            "commit": provenance.commit(TOOLS),
            "threads": self._threads,
            "started_at": datetime.now(timezone.utc).isoformat(timespec="seconds"),
            "commands": [],
        }
        started = time.perf_counter()
        try:
            cell_run = CellRun(cell, folder, self._threads)
            record["commands"] = cell_run.commands
            record.update(cell_run.run(), state=FINISHED)
        except UserError as error:
            record.update(state=FAILED, problem=" ".join(str(error).split()))
        record["seconds"] = time.perf_counter() - started
        atomic_files.write_json(self.path(cell), record)
        return record

    def fingerprint(self, cell: Cell) -> str:
        """Returns a hash of the settings of a cell. The commit of the code is not part of it."""
        with open(cell.yaml, "rb") as file:
            content = hashlib.sha256(file.read()).hexdigest()
        data, folder = cell.data, os.path.dirname(cell.yaml)
        curves = [(name, os.path.relpath(path, folder)) for name, path in data.curves.items()]
        by_curve = isinstance(data.choose, Choice)
        choice = (data.choose.by, data.choose.metric) if by_curve else (None, MEAN)
        parts: list[Any] = [content, cell.options, cell.seed, curves]
        parts += [choice, tuple(data.metrics), data.gauc_column]
        parts += [BEST] if data.choose == BEST else []
        parts += [("slice_by", data.slice_by)] if data.slice_by else []
        return hashlib.sha256(repr((*parts, self._threads)).encode()).hexdigest()[:16]
