"""What is measured alternately: the commands of a tools folder, or any command line."""

from __future__ import annotations

import os
import shlex
import sys
from typing import Union

from benchmarking import engine_names
from benchmarking.command_line import CommandLine
from benchmarking.tools_folder import ToolsFolder
from engine.model_folder.importing import REPOSITORY
from engine.system.errors import UserError

Program = Union[ToolsFolder, CommandLine]


def program(text: str, yaml: str, overrides: list[str], workspace: str) -> Program:
    """Returns the program that a value of ``--against`` names.

    The tools of another checkout train its own models: they get the YAML at the same path of that
    checkout, if there is one.

    Args:
        text: a tools folder or a command line.
        yaml: path of the model's configuration.
        overrides: the values of ``-o``.
        workspace: a folder for the outputs of the program.

    Raises:
        UserError: there is no such folder or command.
    """
    if not os.path.isdir(text):
        return CommandLine(text)
    if not os.path.isfile(os.path.join(text, "trainer.py")):
        raise UserError(f"--against {text}: the folder has no trainer.py")
    checkout = os.path.dirname(os.path.abspath(text))
    other_yaml = os.path.join(checkout, os.path.relpath(os.path.abspath(yaml), REPOSITORY))
    yaml = other_yaml if os.path.isfile(other_yaml) else os.path.abspath(yaml)
    if engine_names.is_engine(text):
        return ToolsFolder(text, yaml, overrides, workspace)
    # PaddleRec's own tools: a command line.
    words = [sys.executable, os.path.join(os.path.abspath(text), "trainer.py"), "-m", yaml, "-o"]
    options = "train_data_dir={data} train_batch_size={batch_size} epochs={epochs} "
    options += "model_save_path={output}"
    words += overrides + [f"runner.{option}" for option in options.split()]
    command_line = CommandLine(shlex.join(words))
    command_line.name = text
    return command_line
