"""The cases of a benchmark: settings, and the data folders that a case reads."""

from __future__ import annotations

import itertools
import json
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace

from engine.config.config import Config
from engine.model_folder import data_files, loading

MODES = ("train", "eval")
GRAPHS = ("dygraph", "static")  # as engine.graphs.opening, which imports Paddle
PARSED, FIRST = "parsed", "first"  # data with parsed copies, and data without
_KEYS = {"train": "train_data_dir", "eval": "test_data_dir"}


@dataclass(frozen=True)
class Case:
    """The settings of one case.

    Attributes:
        mode: one of `MODES`.
        graph: one of `GRAPHS`.
        threads: threads of the arithmetic libraries.
        batch_size: rows of a batch.
        data: `PARSED` or `FIRST`.
        epochs: epochs over the training data.
        batches: batches of each epoch after the warm-up; None for all.
        folders: data folders and files by mode.
    """

    mode: str
    graph: str
    threads: int
    batch_size: int
    data: str
    epochs: int
    batches: int | None
    folders: Mapping[str, list[str]]

    def with_data(self, workspace: str) -> Case:
        """Returns the case for one run; a first run gets data folders without parsed copies.

        The new folders contain links to the files, so the parsed copies of the user stay.

        Args:
            workspace: the folder for the new folders.
        """
        if self.data == PARSED:
            return self
        folders = {}
        for mode, paths in self.folders.items():
            root = tempfile.mkdtemp(prefix=f"{mode}-", dir=workspace)
            numbers: dict[str, int] = {}  # by folder, to keep the order of the paths
            for path in paths:
                folder = path if os.path.isdir(path) else os.path.dirname(path)
                number = numbers.setdefault(folder, len(numbers))
                for file in data_files.files_of([path]):
                    relative = os.path.relpath(file, folder)
                    link = os.path.join(root, f"{number:06}", relative)
                    os.makedirs(os.path.dirname(link), exist_ok=True)
                    os.symlink(os.path.abspath(file), link)
            folders[mode] = [root]
        return replace(self, folders=folders)

    def data_of(self, mode: str) -> str | None:
        """Returns the value of ``runner.*_data_dir``: a path, or a YAML list of several."""
        paths = self.folders.get(mode)
        return json.dumps(paths) if paths and len(paths) > 1 else paths and paths[0]


def data_folders(config: Config, modes: list[str]) -> dict[str, list[str]]:
    """Returns the data of each mode, also of modes that are not measured if they are set.

    Raises:
        UserError: required data are not set, are missing or contain no files.
    """
    folders = {}
    for mode, key in _KEYS.items():
        required = mode in modes or mode == "train"  # evaluation needs a trained checkpoint
        if required:
            loading.files(config, key)
        if required or config.get(f"runner.{key}"):
            folders[mode] = config.runner(key)
    return folders


def all_cases(
    modes: list[str],
    graphs: list[str],
    threads: list[int],
    batch_sizes: list[int],
    first_run: bool,
    epochs: int,
    batches: int | None,
    folders: Mapping[str, list[str]],
) -> list[Case]:
    """Returns all combinations of settings; the first run comes before that on parsed data."""
    data = [FIRST, PARSED] if first_run else [PARSED]
    return [
        Case(*settings, 1 if settings[0] == "eval" else epochs, batches, folders)
        for settings in itertools.product(modes, graphs, threads, batch_sizes, data)
    ]
