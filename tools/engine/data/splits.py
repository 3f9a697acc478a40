"""Checks that the validation set and the test set do not overlap."""

from __future__ import annotations

import os
from collections.abc import Sequence

from engine.config.config import Config
from engine.model_folder import data_files

_KEY = "runner.valid_data_dir"


def check_validation_data(config: Config, purpose: str) -> None:
    """Checks that there is a validation set, and that none of its files is a test file.

    Args:
        config: the configuration.
        purpose: what needs the validation set, for the error.

    Raises:
        UserError: there is no validation set, or it overlaps the test set.
    """
    paths = config.runner("valid_data_dir")
    if paths is None:
        raise config.error(_KEY, f"{purpose} needs a validation set; set this key to its folder")
    overlap = find_overlap(config, paths)
    if overlap:
        reason = f"{purpose}: validation and test sets must not overlap: {overlap}"
        raise config.error(_KEY, reason)


def find_overlap(config: Config, paths: Sequence[str]) -> str | None:
    """Returns which files of a validation set are test files, as a clause; None if none are.

    Args:
        config: the configuration, for ``runner.test_data_dir``.
        paths: the folders and files of the validation set.
    """
    if config.get("runner.test_data_dir") is None:
        return None
    tests = config.runner("test_data_dir")
    for inner in map(os.path.realpath, paths):
        for outer in map(os.path.realpath, tests):
            if inner == outer or inner.startswith(os.path.join(outer, "")):
                return f"{inner} is in runner.test_data_dir"
    if not all(map(os.path.exists, [*tests, *paths])):
        return None
    test_files = {_identity(path) for path in data_files.files_of(tests)}
    for path in data_files.files_of(
        paths
    ):  # a link may lead to a test file, or contain the test set
        if _identity(path) in test_files:
            return f"{path} is a test file"
    return None


def _identity(path: str) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino
