"""What takes turns: the commands of a tools folder, or any command line."""

from __future__ import annotations

import os
import shlex
import sys
from typing import Union

from benchmarking.command_line import CommandLine
from benchmarking.tools_folder import ToolsFolder
from engine.model_folder.importing import REPOSITORY
from engine.system.errors import UserError

Contestant = Union[ToolsFolder, CommandLine]

# Where this project's engine opens sessions, in this checkout and in older ones.
_ENGINES = (("graphs", "opening.py"), ("sessions.py",))


def contestant(text: str, yaml: str, overrides: list[str], workspace: str) -> Contestant:
    """Returns what ``--against`` names: a tools folder or a command line.

    Another checkout's tools run its own models: the YAML at the same place there, if there is one.
    """
    if not os.path.isdir(text):
        return CommandLine(text)
    if not os.path.isfile(os.path.join(text, "trainer.py")):
        raise UserError(f"--against {text}: the folder has no trainer.py")
    checkout = os.path.dirname(os.path.abspath(text))
    theirs = os.path.join(checkout, os.path.relpath(os.path.abspath(yaml), REPOSITORY))
    yaml = theirs if os.path.isfile(theirs) else os.path.abspath(yaml)
    if any(os.path.isfile(os.path.join(text, "engine", *place)) for place in _ENGINES):
        return ToolsFolder(text, yaml, overrides, workspace)
    # PaddleRec's own tools: a command line like any other.
    words = [sys.executable, os.path.join(os.path.abspath(text), "trainer.py"), "-m", yaml, "-o"]
    options = "train_data_dir={data} train_batch_size={batch_size} epochs={epochs} "
    options += "model_save_path={output}"
    words += overrides + [f"runner.{option}" for option in options.split()]
    found = CommandLine(shlex.join(words))
    found.name = text
    return found
