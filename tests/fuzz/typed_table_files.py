"""Target `typed_table`: a column of a table as the label of a task of any type, and weights."""

from __future__ import annotations

import math
import os

import numpy as np
from fuzz_guard import FaultError, put, refusal, watched
from number_rows import number
from table_files_fuzzed import TOKENS as CELLS

from datasets.readers.table.columns import MISSING
from datasets.readers.table.reader import RecDataset
from engine.config.config import Config

TASKS = (
    {"positive": ["paid", 2]},
    {"missing_label": -1},
    {"type": "regression", "missing_label": -1},
    {"type": "count"},
    {"type": "multiclass", "class_num": 3},
    {"type": "multiclass", "classes": "learned"},
)
_NONE = ("", *MISSING)


def of_bytes(data: bytes) -> None:
    """Bytes as an input: the first selects the task, the others are lines of label and weight."""
    if not data:
        return
    task = {"name": "t", "label_column": 0, "sample_weight": "w", **TASKS[data[0] % len(TASKS)]}
    lines = [line for line in data[1:].replace(b"\r", b"\n").split(b"\n") if line]
    content = b"y,w,d\n" + b"".join(line + b",1\n" for line in lines)
    with watched("typed_table") as folder:
        path = put(folder, "x.csv", content)
        given = {"table.labels": ["y"], "table.dense": ["d"], "tasks": [task]}
        given = {f"hyper_parameters.{key}": value for key, value in given.items()}
        given["runner.model_save_path"] = os.path.join(folder, "output")
        given["runner.cache_dir"] = os.path.join(folder, "cache")
        config = Config(given, os.path.join(folder, "config.yaml"))
        expected = _expected(content, task)
        try:
            learned = RecDataset.hyper_parameters_from_data(config, [path], None)
            values = {f"hyper_parameters.{key}": value for key, value in learned.items()}
            dataset = RecDataset([path], config.completed(values))
            found = dataset.take(slice(0, len(dataset)))[1:]
            dataset.column_statistics()
        except ValueError as error:
            # Classes and positive values are those of all files.
            of_all = str(error).startswith(("column ", "hyper_parameters."))
            refusal(error, len(content), "" if of_all else path)
            if expected and expected is not True:
                raise FaultError(f"refused: {error}") from error
            return
        if expected is None:
            raise FaultError(f"read as {[column.tolist() for column in found]}")
        if expected is not True:
            for column, wanted in zip(found, expected):
                if not np.array_equal(column[:, 0], np.array(wanted, column.dtype), equal_nan=True):
                    raise FaultError(f"found {column.tolist()}, expected {wanted}")


def _expected(content: bytes, task: dict) -> tuple[list, list] | bool | None:
    """Returns labels and weights; None if the file must be refused, True if it is not judged."""
    if not content.isascii() or b'"' in content or b"\0" in content:
        return True
    rows = [line.split(",") for line in content.decode().split("\n")[1:] if line]
    if not rows or any(len(row) != 3 for row in rows):
        return None
    cells = [[cell.strip() for cell in row] for row in rows]
    numbers = [[number(cell) for cell in row] for row in cells]
    if any(not cell.isprintable() or "_" in cell for row in cells for cell in row):
        return True
    if any(value is not None and not plain for row in numbers for value, plain in row):
        return True
    # A number that only float32 takes for an integer is not judged.
    if any(
        v is not None and v.is_integer() and float(v) != float(c[0])
        for c, ((v, _), *_) in zip(cells, numbers)
    ):
        return True
    weights = [weight for _, (weight, _), _ in numbers]
    if any(weight is None or weight < 0 for weight in weights):
        return None
    texts = sorted({label for label, *_ in cells if label not in _NONE})
    labels = [
        _label(text, value, task, texts) for (text, *_), ((value, _), *_) in zip(cells, numbers)
    ]
    if any(label is None for label in labels):
        return None
    if task.get("classes") and len(texts) < 2:
        return None
    if task.get("positive") and texts and 1 not in labels:
        return None
    return labels, weights


def _label(text: str, value: float | None, task: dict, texts: list[str]) -> float | None:
    kind = task.get("type", "binary")
    is_number = kind in ("regression", "count")
    if text in _NONE or (value is not None and value == task.get("missing_label", math.nan)):
        return math.nan if is_number else -100
    if is_number:
        return None if value is None or (kind == "count" and value < 0) else value
    if "positive" in task:
        return int(text == "paid" or value == 2)
    if "classes" in task:
        return texts.index(text)
    if kind == "multiclass":
        return int(value) if value is not None and value in (0, 1, 2) else None
    truth = {"true": 1, "false": 0}.get(text.lower())
    return truth if truth is not None or value not in (0, 1) else int(value)


def seeds() -> list[bytes]:
    """Rows of every task: labels, missing ones and such as are none."""
    texts = [
        b"1,1\n0,0.5\n-1,2\n",
        b"paid,1\nno,1\n,1\n",
        b"2,1\n1.5,0\nNA,1\n",
        b"a,1\nb,-1\n",
        b"1,\n",
    ]
    return [bytes([first]) + text for first in range(len(TASKS)) for text in texts]


TOKENS = [*CELLS, b"paid,1\n", b"-1,1\n", b",2\n", b"2.0,1\n", b"1e-50,1\n"]
