"""A model folder outside the repository, and commands run on it from yet another folder."""

import pytest
from model_copies import copy_model


@pytest.fixture
def model(tmp_path):
    """A copy of MMoE's folder with a few rows of its sample, and without any output."""
    folder = tmp_path / "model"
    rows = copy_model("mmoe", folder)
    for part in ("train", "test"):
        (folder / "data" / part).mkdir(parents=True)
        path = folder / "data" / part / f"{part}_data.txt"
        path.write_text("".join(rows(part, 20)), encoding="utf-8")
    return folder


@pytest.fixture
def command(run_command):
    """Runs a command's file as ``__main__`` in this process; returns its exit code and log."""

    def run(name, *arguments):
        done = run_command(name, *arguments)
        return done.code, done.log

    return run
