"""Folders in the style of PaddleRec, written without this project in mind."""

import re
import shutil
from pathlib import Path

import pytest
import tiny_data

FOLDERS = Path(__file__).parent / "folders"


@pytest.fixture
def stand_in(tmp_path):
    """Copies all folders, writes the data of one, and returns its path."""

    def make(name):
        root = tmp_path / "their_models"
        if not root.exists():
            shutil.copytree(FOLDERS, root, ignore=shutil.ignore_patterns("__pycache__"))
        tiny_data.write(root / name, name)
        return root / name

    return make


@pytest.fixture
def lines():
    """Parses a command's log: values by name, for batch lines and for epoch lines."""
    pair = re.compile(r"([A-Za-z_]\w*): ?(-?\d+\.\d+(?:e-?\d+)?|nan)(?=,| sec| ins| s$)")

    def parse(stderr):
        found = {"batch": [], "done": []}
        for line in stderr.splitlines():
            kind = "done" if " done, " in line else "batch"
            if re.search(r"epoch: \d+", line):
                values = {name: float(value) for name, value in pair.findall(line)}
                found[kind].append(values)
        return found

    return parse
