"""A small table of one's own, written as CSV, TSV or Parquet, and read with its configuration."""

from __future__ import annotations

import csv

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pa_parquet

from datasets.readers.table.reader import RecDataset
from engine.config.config import Config

TABLE = {
    "labels": ["click", "like"],
    "dense": ["age", {"name": "price", "fill": -1}],
    "sparse": [
        "city",
        {"name": "user", "hash_buckets": 50},
        {"name": "tags", "separator": "|", "max_len": 3, "pooling": "max"},
    ],
}
HEADER = ["note", "click", "age", "city", "user", "tags", "price", "like"]
# Columns that are not read stand among those that are; None is a missing cell.
ROWS = [
    ["x", 1, 20, "Rome", 7, "a|b", 1.5, 0],
    ["", 0, 30, "Oslo, Norway", 8, "b", None, 1],
    ["", 0, None, "Rome", 9, "c|b|a|d", 2.0, 0],
    ["y", 1, 40, 'the "old" town', 7, None, 0.25, 1],
    ["", 1, 30, None, None, "a||b", 1e-3, 1],
]


def write_text(path, rows=ROWS, header=HEADER, delimiter=",", end="\n", **options):
    """Writes rows as Python's csv module does; a missing cell is empty."""
    with open(path, "w", newline="", **options) as stream:
        writer = csv.writer(stream, delimiter=delimiter, lineterminator=end)
        writer.writerows([header, *rows] if header else rows)
    return str(path)


def write_parquet(path, rows=ROWS, header=HEADER, **types):
    """Writes rows, each column with the type that PyArrow infers if none is given."""
    columns = zip(header, zip(*rows))
    table = pa.table({name: pa.array(cells, types.get(name)) for name, cells in columns})
    pa_parquet.write_table(table, path)
    return str(path)


def configuration(folder, **values):
    """A configuration as a YAML of this folder gives it."""
    table = {**TABLE, **values.pop("table", {})}
    return Config(
        {
            "runner.model_save_path": str(folder / "output"),
            **{f"hyper_parameters.table.{key}": value for key, value in table.items()},
            **{f"hyper_parameters.{key}": value for key, value in values.items()},
        },
        str(folder / "config.yaml"),
    )


def completed(config, paths, encoding=None):
    """The configuration with what the reader learns, as the engine completes it."""
    learned = RecDataset.hyper_parameters_from_data(config, paths, encoding)
    return config.completed({f"hyper_parameters.{key}": value for key, value in learned.items()})


def trained(folder, *paths, **values):
    """The dataset of training files."""
    return RecDataset(paths, completed(configuration(folder, **values), paths))


def arrays(dataset):
    """All rows of a dataset: dense, ids, click, like."""
    return dataset.take(slice(0, len(dataset)))


def assert_equal(first, second):
    """The arrays of two datasets are the same to the bit."""
    first, second = arrays(first), arrays(second)
    assert [array.dtype for array in first] == [array.dtype for array in second]
    for one, other in zip(first, second):
        np.testing.assert_array_equal(one, other)
