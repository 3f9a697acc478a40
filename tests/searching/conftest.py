"""A small model folder: a few rows of the sample, a validation set and a search space."""

import pytest
from model_copies import copy_model
from search_models import change


@pytest.fixture
def model(tmp_path):
    """Returns a copy of MMoE's folder; its ``search.yaml`` has a space and a validation set."""
    folder = tmp_path / "model"
    rows = copy_model("mmoe", folder)
    for part, source, first in (("train", "train", 0), ("test", "test", 0), ("valid", "test", 40)):
        (folder / "data" / part).mkdir(parents=True)
        text = "".join(rows(source, first + 40)[first:])
        (folder / "data" / part / "rows.txt").write_text(text, encoding="utf-8")
    change(folder, lambda content: content)
    return folder
