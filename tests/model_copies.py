"""A model folder copied elsewhere, with a few rows of its text sample in it."""

import re
import shutil
from itertools import islice
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
SAMPLE = re.compile(r'"(\.\./[^"]*/sample_data)/')  # in config.yaml


def copy_model(name, folder):
    """Copies a model folder whose config.yaml then reads data/train and data/test beside it.

    Returns the rows of its sample by part: a function of the part and a number of rows.
    """
    source = ROOT / "models" / "multitask" / name
    keep = shutil.ignore_patterns("__pycache__", "output_model*", "*.md", ".*")
    shutil.copytree(source, folder, ignore=keep)
    text = (source / "config.yaml").read_text(encoding="utf-8")
    sample = source / SAMPLE.search(text)[1]
    (folder / "config.yaml").write_text(SAMPLE.sub('"data/', text), encoding="utf-8")

    def rows(part, count):
        with open(sample / part / f"{part}_data.txt", encoding="utf-8") as file:
            return list(islice(file, count))

    return rows
