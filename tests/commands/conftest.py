"""A model folder outside the repository, and commands run on it from yet another folder."""

import shutil
from itertools import islice
from pathlib import Path

import pytest

from engine.model_folder import loading

ROOT = Path(loading.REPOSITORY)


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
def command(run_command):
    """Runs a command's file as ``__main__`` in this process; returns its exit code and stderr."""

    def run(name, *arguments):
        done = run_command(name, *arguments)
        return done.code, done.stderr

    return run
