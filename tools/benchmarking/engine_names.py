"""Imports modules of an engine by their present or former names.

``--against`` measures older checkouts with this code, so former names stay here.
"""

from __future__ import annotations

import importlib
import os
from types import ModuleType

_NAMES = {  # the present name first
    "opening": ("engine.graphs.opening", "engine.sessions"),
    "process": ("engine.system.process", "engine.runtime"),
    "progress": ("engine.evaluation.progress", "engine.evaluation.run_log", "engine.report"),
}
# Modules that may not be loaded, because not every model uses them.
WRITTEN_STEPS = ("models.common.fast_step.step", "models.multitask.written_step")


def module(key: str) -> ModuleType:
    """Imports a module of the engine that is first on ``sys.path``.

    Args:
        key: ``opening``, ``process`` or ``progress``.

    Raises:
        ImportError: the engine has none of the module's names.
    """
    present, *former = _NAMES[key]
    for name in (present, *former):
        try:
            return importlib.import_module(name)
        except ModuleNotFoundError as error:
            if not name.startswith(error.name or "?"):  # a package that the module needs
                raise
    raise ImportError(f"the engine has no module {present}")


def is_engine(tools: str) -> bool:
    """Whether a tools folder contains this project's engine, present or older."""
    paths = (os.path.join(tools, *name.split(".")) for name in _NAMES["opening"])
    return any(os.path.isfile(f"{path}.py") for path in paths)
