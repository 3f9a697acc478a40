"""A small model folder to search in: a few rows of the sample, others that choose, a space."""

import shutil
from itertools import islice
from pathlib import Path

import paddle
import pytest
from search_models import change

from engine.model_folder import loading

SAMPLE = Path(loading.REPOSITORY) / "models" / "multitask" / "mmoe"


@pytest.fixture
def model(tmp_path):
    """Returns a copy of MMoE's folder, whose ``search.yaml`` has a space and validation data."""
    folder = tmp_path / "model"
    keep = shutil.ignore_patterns("data", "__pycache__", "output_model*", "*.md", ".*")
    shutil.copytree(SAMPLE, folder, ignore=keep)
    for part, source, first in (("train", "train", 0), ("test", "test", 0), ("valid", "test", 40)):
        (folder / "data" / part).mkdir(parents=True)
        with open(SAMPLE / f"data/{source}/{source}_data.txt", encoding="utf-8") as file:
            text = "".join(islice(file, first, first + 40))
        (folder / "data" / part / "rows.txt").write_text(text, encoding="utf-8")
    change(folder, lambda content: content)
    return folder


@pytest.fixture(autouse=True)
def _start():
    paddle.disable_static()
