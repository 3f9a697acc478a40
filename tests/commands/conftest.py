"""A model folder outside the repository, and commands run on it from yet another folder."""

import logging
import os
import runpy
import shutil
import sys
from itertools import islice
from pathlib import Path

import pytest

from engine import contract

ROOT = Path(contract.REPOSITORY)


@pytest.fixture
def model(tmp_path):
    """A copy of MMoE's folder with a few rows of its sample, and without any output."""
    folder = tmp_path / "model"
    keep = shutil.ignore_patterns("data", "__pycache__", "output_model*", "*.md", ".*")
    shutil.copytree(ROOT / "models" / "multitask" / "mmoe", folder, ignore=keep)
    for part in ("train", "test"):
        (folder / "data" / part).mkdir(parents=True)
        name = f"data/{part}/{part}_data.txt"
        with open(ROOT / "models" / "multitask" / "mmoe" / name, encoding="utf-8") as file:
            (folder / name).write_text("".join(islice(file, 20)), encoding="utf-8")
    return folder


@pytest.fixture
def elsewhere(tmp_path, monkeypatch):
    """The current directory: neither the repository's nor the model's."""
    folder = tmp_path / "elsewhere"
    folder.mkdir()
    monkeypatch.chdir(folder)
    return folder


@pytest.fixture
def command(elsewhere, monkeypatch, capfd):
    """Runs a command's file as ``__main__`` in this process; returns its exit code and stderr."""
    log = logging.getLogger()
    handlers, level = log.handlers[:], log.level

    def run(name, *arguments):
        path = str(ROOT / "tools" / f"{name}.py")
        monkeypatch.setattr(sys, "argv", [path, *map(str, arguments)])
        capfd.readouterr()
        with pytest.raises(SystemExit) as caught:
            runpy.run_path(path, run_name="__main__")
        return caught.value.code, capfd.readouterr().err

    yield run
    log.handlers[:] = handlers
    log.setLevel(level)


@pytest.fixture
def written(tmp_path):
    """Lists all there is but parsed copies and byte code."""

    def find():
        found = set()
        for place, folders, files in os.walk(tmp_path):
            folders[:] = [name for name in folders if name != "__pycache__"]
            kept = [name for name in files if not (name[0] == "." and name.endswith(".npy"))]
            found.update(os.path.join(place, name) for name in folders + kept)
        return found

    return find
