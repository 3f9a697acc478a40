"""Checks that the validation set and the test set do not overlap."""

from __future__ import annotations

import os

from engine.config.config import Config
from engine.model_folder import loading

_KEY = "runner.valid_data_dir"


def check_validation_data(config: Config, purpose: str) -> None:
    """Checks that there is a validation set, and that none of its files is a test file.

    Args:
        config: the configuration.
        purpose: what needs the validation set, for the error.

    Raises:
        UserError: there is no validation set, or it overlaps the test set.
    """
    folder = config.runner("valid_data_dir")
    if folder is None:
        raise config.error(_KEY, f"{purpose} needs a validation set; set this key to its folder")
    overlap = find_overlap(config, folder)
    if overlap:
        reason = f"{purpose}: validation and test sets must not overlap: {overlap}"
        raise config.error(_KEY, reason)


def find_overlap(config: Config, folder: str) -> str | None:
    """Returns which of a folder's files are test files, as a clause; None if none are.

    Args:
        config: the configuration, for ``runner.test_data_dir``.
        folder: the folder of the validation set.
    """
    if config.get("runner.test_data_dir") is None:
        return None
    test = config.runner("test_data_dir")
    inner, outer = os.path.realpath(folder), os.path.realpath(test)
    if inner == outer or inner.startswith(os.path.join(outer, "")):
        return "this folder is in runner.test_data_dir"
    test_files = {_identity(path) for path in loading.files_in(test)} if os.path.isdir(test) else ()
    files = loading.files_in(folder) if test_files and os.path.isdir(folder) else ()
    for path in files:  # a link may lead to a test file, and the test folder may lie inside
        if _identity(path) in test_files:
            return f"{path} is a test file"
    return None


def _identity(path: str) -> tuple[int, int]:
    status = os.stat(path)
    return status.st_dev, status.st_ino
