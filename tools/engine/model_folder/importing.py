"""Imports modules of one model folder at a time.

A folder written for PaddleRec imports its modules by their bare names (``import net``). Other
folders use the same names, and some extend ``sys.path`` to reach neighbouring folders. So when
another folder is activated, the modules of the last one are unloaded, and ``sys.path`` is restored.

A module of a folder may also have the name of a module elsewhere, such as the standard library's
``queue``. The folder's own code then gets the folder's module, which Python knows as
``model_folder_files.queue``, from ``import`` and from ``importlib.import_module``. All other code
still gets the module elsewhere.
"""

from __future__ import annotations

import builtins
import importlib
import importlib.util
import os
import sys
import traceback
from pathlib import Path
from types import ModuleType
from typing import Any

from engine.system.errors import UserError

REPOSITORY = str(Path(__file__).resolve().parents[3])

# Top-level modules of PaddleRec that lie outside of its model folders.
_PADDLEREC_TOOLS = ("utils", "tools", "common", "paddlerec")
_PACKAGE = "model_folder_files"  # the package of the modules whose names are used elsewhere too

_python_import, _python_import_module = builtins.__import__, importlib.import_module
_active: str | None = None
_path_before: list[str] = []
_ambiguous: frozenset[str] = frozenset()  # names in the active folder that are used elsewhere too


def import_module(folder: str, name: str) -> Any:
    """Imports a module of a model folder.

    Args:
        folder: the folder.
        name: the module's dotted name, or its path such as ``reader/criteo.py``.

    Raises:
        UserError: there is no such module, or an import inside it fails.
    """
    name = os.path.normpath(name[:-3] if name.endswith(".py") else name).replace(os.sep, ".")
    if not os.path.isfile(os.path.join(folder, *name.split(".")) + ".py"):
        raise UserError(f"{folder}: there is no {name}.py")
    if _active != folder:
        _activate(folder)
    ambiguous = name.partition(".")[0] in _ambiguous
    try:
        return _python_import_module(f"{_PACKAGE}.{name}" if ambiguous else name)
    except ImportError as error:
        raise _import_error(error) from error
    except SyntaxError as error:
        raise UserError(f"{error.filename}:{error.lineno}: {error.msg}") from error
    except Exception as error:
        message = f"{_failed_line(error, folder)}: {type(error).__name__}: {error}"
        raise UserError(message) from error


def active_folder() -> str | None:
    """Returns the model folder whose modules are loaded; None before the first."""
    return _active


def forget(folder: str) -> None:
    """Unloads the modules that lie in a folder or below it."""
    for name, module in list(sys.modules.items()):
        file = getattr(module, "__file__", None) or ""
        if _contains(folder, file):
            del sys.modules[name]


def _contains(folder: str, path: str) -> bool:
    return os.path.join(path, "").startswith(os.path.join(folder, ""))


def _activate(folder: str) -> None:
    global _active, _path_before, _ambiguous
    if _active is not None:
        added = {os.path.abspath(path) for path in sys.path} - set(
            map(os.path.abspath, _path_before)
        )
        for path in {_active, *added}:
            if not _contains(path, REPOSITORY):  # modules of this project stay
                forget(path)
        sys.path[:] = _path_before
    for name in [name for name in sys.modules if name.partition(".")[0] == _PACKAGE]:
        del sys.modules[name]
    if REPOSITORY not in sys.path:  # it contains models/ and datasets/
        sys.path.insert(0, REPOSITORY)
    _path_before = sys.path[:]
    importlib.invalidate_caches()
    _ambiguous = frozenset(name for name in _top_names(folder) if _is_elsewhere(name, folder))
    sys.path.append(folder)  # last, so that other code does not find the folder's modules first
    sys.modules[_PACKAGE] = package = ModuleType(_PACKAGE)
    package.__path__ = [folder]
    builtins.__import__ = _import if _ambiguous else _python_import
    importlib.import_module = _import_module if _ambiguous else _python_import_module
    _active = folder
    from engine.model_folder import (
        pir_functions,
        running_auc,
        sparse_gradients,  # they import Paddle, which -h does not need
    )

    for corrections in (pir_functions, running_auc, sparse_gradients):
        corrections.install()


def _top_names(folder: str) -> set[str]:
    """Returns the names by which a folder's code can import its files and sub-folders."""
    names = set()
    for entry in os.scandir(folder):
        stem, extension = os.path.splitext(entry.name)
        if extension == ".py" or (
            entry.is_dir() and any(name.endswith(".py") for name in os.listdir(entry.path))
        ):
            names.add(stem)
    return names


def _is_elsewhere(name: str, folder: str) -> bool:
    """Returns whether Python finds a module of this name outside of a folder."""
    if name in sys.builtin_module_names:
        return True
    try:
        spec = importlib.util.find_spec(name)
    except (ImportError, ValueError):  # of a module that is loaded and has no spec
        return name in sys.modules
    if spec is None:
        return False
    places = [spec.origin] if spec.has_location else spec.submodule_search_locations or [""]
    return not all(_contains(folder, place) for place in places)


def _import(
    name: str,
    globals: Any = None,
    locals: Any = None,
    fromlist: Any = (),
    level: int = 0,
) -> Any:
    """Replaces ``__import__``: in code of the active folder, ambiguous names mean its modules."""
    if level or not _means_own(name, globals):
        return _python_import(name, globals, locals, fromlist, level)
    module = _python_import(f"{_PACKAGE}.{name}", globals, locals, fromlist, 0)
    return module if fromlist else sys.modules[f"{_PACKAGE}.{name.partition('.')[0]}"]


def _import_module(name: str, package: str | None = None) -> ModuleType:
    """Replaces ``importlib.import_module`` as `_import` replaces ``__import__``."""
    own = _means_own(name, sys._getframe(1).f_globals)
    return _python_import_module(f"{_PACKAGE}.{name}" if own else name, package)


def _means_own(name: str, importer: Any) -> bool:
    """Returns whether code with the globals ``importer`` means a module of the active folder."""
    file = (importer or {}).get("__file__") or ""
    return name.partition(".")[0] in _ambiguous and _contains(_active, file)


def _failed_line(error: Exception, folder: str = "") -> str:
    """Returns the innermost line of an error, ``file:line``; in a folder's files if possible."""
    frames = traceback.extract_tb(error.__traceback__)
    frames = [each for each in frames if not each.filename.startswith(("<frozen", __file__))]
    inside = [each for each in frames if _contains(folder, each.filename)] if folder else []
    frame = (inside or frames)[-1]
    return f"{frame.filename}:{frame.lineno}"


def _import_error(error: ImportError) -> UserError:
    """Returns the error that names the line with the failing import."""
    where, name = _failed_line(error), error.name or ""
    if not isinstance(error, ModuleNotFoundError):
        return UserError(f"{where}: {error}")
    if name.split(".")[0] in _PADDLEREC_TOOLS:
        return UserError(
            f"{where} imports {name}: of PaddleRec's own tools there are utils.utils_single and "
            "utils.save_load; copy other modules into the folder (docs/compatibility.md)"
        )
    return UserError(f"{where} needs module {name.removeprefix(f'{_PACKAGE}.')}, not found")
