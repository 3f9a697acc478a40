"""The cases of a benchmark: settings, and the data folders that a case reads."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace

from engine.config.config import Config
from engine.model_folder import loading

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
        folders: data folder by mode.
    """

    mode: str
    graph: str
    threads: int
    batch_size: int
    data: str
    epochs: int
    batches: int | None
    folders: Mapping[str, str]

    def with_data(self, workspace: str) -> Case:
        """Returns the case for one run; a first run gets data folders without parsed copies.

        The new folders contain links to the files, so the parsed copies of the user stay.

        Args:
            workspace: the folder for the new folders.
        """
        if self.data == PARSED:
            return self
        folders = {}
        for mode, folder in self.folders.items():
            folders[mode] = tempfile.mkdtemp(prefix=f"{mode}-", dir=workspace)
            for path in loading.files_in(folder):
                link = os.path.join(folders[mode], os.path.relpath(path, folder))
                os.makedirs(os.path.dirname(link), exist_ok=True)
                os.symlink(os.path.abspath(path), link)
        return replace(self, folders=folders)


def data_folders(config: Config, modes: list[str]) -> dict[str, str]:
    """Returns the data folder of each mode, also of modes that are not measured if it is set.

    Raises:
        UserError: a required folder is not set, is missing or contains no files.
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
    folders: Mapping[str, str],
) -> list[Case]:
    """Returns all combinations of settings; the first run comes before that on parsed data."""
    data = [FIRST, PARSED] if first_run else [PARSED]
    return [
        Case(*settings, 1 if settings[0] == "eval" else epochs, batches, folders)
        for settings in itertools.product(modes, graphs, threads, batch_sizes, data)
    ]
