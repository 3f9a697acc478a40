"""Rows that choose are not rows that judge: validation data must be no test data."""

from __future__ import annotations

import os

from engine.config.config import Config
from engine.model_folder import loading

_KEY = "runner.valid_data_dir"


def check(config: Config, purpose: str) -> None:
    """Makes sure that there are validation data, and that none of their files is a test file.

    Args:
        config: the configuration.
        purpose: what needs them, for the error.

    Raises:
        UserError: there are none, or the test data may not choose.
    """
    valid = config.runner("valid_data_dir")
    if valid is None:
        raise config.error(_KEY, f"{purpose} needs rows that choose: the folder of validation data")
    problem = shared(config, valid)
    if problem:
        raise config.error(_KEY, f"{purpose} may not look at the test data{problem}")


def shared(config: Config, folder: str) -> str | None:
    """Returns which of a folder's rows are test rows, as the end of a sentence; None if none are.

    Args:
        config: the configuration, of ``runner.test_data_dir``.
        folder: the folder of rows that choose.
    """
    if config.get("runner.test_data_dir") is None:
        return None
    test = config.runner("test_data_dir")
    inner, outer = os.path.realpath(folder), os.path.realpath(test)
    if inner == outer or inner.startswith(os.path.join(outer, "")):
        return ", runner.test_data_dir"
    tested = {_identity(path) for path in loading.files_in(test)} if os.path.isdir(test) else ()
    files = loading.files_in(folder) if tested and os.path.isdir(folder) else ()
    for path in files:  # links, and a test folder inside
        if _identity(path) in tested:
            return f": {path} is of them"
    return None


def _identity(path: str) -> tuple[int, int]:
    found = os.stat(path)
    return found.st_dev, found.st_ino
