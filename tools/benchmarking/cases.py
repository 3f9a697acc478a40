"""What is measured: the settings of one case, and the data folders that it reads."""

from __future__ import annotations

import itertools
import os
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass, replace

from engine.config.config import Config
from engine.model_folder import loading

MODES = ("train", "eval")
PARSED, FIRST = "parsed", "first"  # data whose parsed copies are there, and data without any
_KEYS = {"train": "train_data_dir", "eval": "test_data_dir"}


@dataclass(frozen=True)
class Case:
    """The settings of one case.

    Attributes:
        mode: one of `MODES`.
        graph: dygraph or static.
        threads: of the arithmetic libraries.
        batch_size: rows.
        data: `PARSED` or `FIRST`.
        epochs: over the training data.
        batches: of each epoch after its first ones; None for all.
        folders: the data folder of each mode that there is one for.
    """

    mode: str
    graph: str
    threads: int
    batch_size: int
    data: str
    epochs: int
    batches: int | None
    folders: Mapping[str, str]

    def fresh(self, workspace: str) -> Case:
        """Returns the case with data that nobody has parsed; of parsed data, the case itself.

        The folders are new and link to the files, so that the user's parsed copies stay where
        they are, and new ones go beside the links.
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


def folders_of(config: Config, modes: list[str]) -> dict[str, str]:
    """Returns the data folders of a configuration: of the modes asked for, and of others if set.

    Raises:
        UserError: one that is needed is not set, is not there or holds no files.
    """
    folders = {}
    for mode, key in _KEYS.items():
        needed = mode in modes or mode == "train"  # evaluation needs something trained
        if needed:
            loading.files(config, key)
        if needed or config.get(f"runner.{key}"):
            folders[mode] = config.runner(key)
    return folders


def cases_of(
    modes: list[str],
    graphs: list[str],
    threads: list[int],
    batch_sizes: list[int],
    first_run: bool,
    epochs: int,
    batches: int | None,
    folders: Mapping[str, str],
) -> list[Case]:
    """Returns all combinations, first runs before those on parsed data."""
    data = [FIRST, PARSED] if first_run else [PARSED]
    return [
        Case(*settings, 1 if settings[0] == "eval" else epochs, batches, folders)
        for settings in itertools.product(modes, graphs, threads, batch_sizes, data)
    ]
