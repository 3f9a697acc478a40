"""Imports modules of one model folder at a time.

The folder may have been written for PaddleRec: its modules import each other by their bare
names (``import net``), other folders use the same names, and some extend ``sys.path`` to reach
their neighbours. So what a folder imports, and what it does to ``sys.path``, is undone when
another folder takes its place.
"""

from __future__ import annotations

import importlib
import os
import sys
import traceback
from pathlib import Path
from typing import Any

from engine.system.errors import UserError

REPOSITORY = str(Path(__file__).resolve().parents[3])

# Top-level modules that lie in PaddleRec's tools/ and in its root, not in a model folder.
_INTERNAL = ("utils", "tools", "common", "paddlerec")

_active: str | None = None
_path_before: list[str] = []


def module(folder: str, name: str) -> Any:
    """Imports a module of a model folder.

    Args:
        folder: the folder.
        name: the module's dotted name; ``reader/criteo.py`` is taken for ``reader.criteo``.

    Raises:
        UserError: there is no such module, or it imports what cannot be found.
    """
    name = os.path.normpath(name[:-3] if name.endswith(".py") else name).replace(os.sep, ".")
    if not os.path.isfile(os.path.join(folder, *name.split(".")) + ".py"):
        raise UserError(f"{folder}: there is no {name}.py")
    if _active != folder:
        _activate(folder)
    try:
        return importlib.import_module(name)
    except ImportError as error:
        raise _explained(error) from error


def forget(folder: str) -> None:
    """Removes the modules that lie in a folder, or below it, from those that are imported."""
    for name, found in list(sys.modules.items()):
        file = getattr(found, "__file__", None) or ""
        if file.startswith(os.path.join(folder, "")):
            del sys.modules[name]


def _activate(folder: str) -> None:
    global _active, _path_before
    if _active is not None:
        added = {os.path.abspath(path) for path in sys.path} - set(
            map(os.path.abspath, _path_before)
        )
        for path in {_active, *added}:
            if not REPOSITORY.startswith(path):  # nor what this project has imported itself
                forget(path)
        sys.path[:] = _path_before
    if REPOSITORY not in sys.path:  # where models/ and datasets/ are
        sys.path.insert(0, REPOSITORY)
    _path_before = sys.path[:]
    sys.path.insert(0, folder)
    importlib.invalidate_caches()
    _active = folder
    from engine.model_folder import (
        pir_functions,
        running_auc,  # they import Paddle, which -m alone needs not
    )

    pir_functions.install()
    running_auc.install()


def _explained(error: ImportError) -> UserError:
    frames = traceback.extract_tb(error.__traceback__)
    place = next(frame for frame in reversed(frames) if not frame.filename.startswith("<frozen"))
    where = f"{place.filename}:{place.lineno}"
    if error.name and error.name.split(".")[0] in _INTERNAL:
        return UserError(
            f"{where} imports {error.name}, a module of PaddleRec's own tools: a model folder can "
            "import what lies in it and what is installed (docs/compatibility.md)"
        )
    if isinstance(error, ModuleNotFoundError):
        return UserError(f"{where} needs module {error.name}, not found")
    return UserError(f"{where}: {error}")
