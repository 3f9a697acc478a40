"""Expands ``~`` in the paths that a user writes."""

from __future__ import annotations

import os

from engine.system.errors import UserError


def expand_home(path: str) -> str:
    """Returns a path with the user's home folder in place of ``~``.

    Raises:
        UserError: ``HOME`` is empty. Python would take the root folder.
    """
    if path.startswith("~") and os.environ.get("HOME") == "":
        raise UserError(f"{path}: the variable HOME is empty, so ~ names no folder")
    return os.path.expanduser(path)
