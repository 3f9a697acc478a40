"""Finds the days of a training folder."""

from __future__ import annotations

import os
from typing import NamedTuple

from engine.config.config import Config
from engine.model_folder import data_files
from engine.system.errors import UserError

_KEY = "runner.train_data_dir"


class Day(NamedTuple):
    """The data of one day.

    Attributes:
        name: the name of its file without ending, or of its folder.
        path: the file or the folder.
        stamp: path, size and time of change of each of its files.
    """

    name: str
    path: str
    stamp: list


def find(config: Config) -> list[Day]:
    """Returns the days in order: the entries of ``runner.train_data_dir``, sorted by name.

    Raises:
        UserError: there are fewer than two, or two have the same name.
    """
    try:
        entries = data_files.entries_of(config.runner("train_data_dir"))
        days = [Day(_name(path), path, _stamp(path)) for path in entries]
    except UserError as error:
        raise config.error(_KEY, str(error)) from error
    names = [day.name for day in days]
    for day in days:
        if names.count(day.name) > 1:
            raise config.error(_KEY, f"two days have the name {day.name}")
    if len(days) < 2:
        found = ", ".join(names) or "none"
        problem = (
            f"expected a folder with a file or a folder for each of several days, found {found}"
        )
        raise config.error(_KEY, problem)
    return days


def _name(path: str) -> str:
    name = os.path.basename(path.rstrip(os.sep))
    return name if os.path.isdir(path) else name.split(".")[0]


def _stamp(path: str) -> list:
    files = data_files.files_of([path])
    found = [(os.path.relpath(file, path), os.stat(file)) for file in files]
    return [[file, each.st_size, each.st_mtime_ns] for file, each in found]
