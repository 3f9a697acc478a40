"""Prepares Census-Income (KDD): training, validation and test files from the raw files.

    python -m datasets.census.prepare [--raw_dir DIR] [--output_dir DIR] [--force]

writes into the output folder `train_all/train_data.csv` (the raw training file, in its order),
`valid_all/valid_data.csv` (a random half of the raw test file) and `test_all/test_data.csv` (the
other half, in its order). They have 501 columns of numbers. `table_train_all/train.csv`,
`table_valid_all/valid.csv` and `table_test_all/test.csv` have the same rows as tables of text with
a header. `columns.py` lists the columns. Options:

    --raw_dir     folder of the raw files (default: the environment variable RAW_DIR; if neither is
                  set, they are downloaded, from CENSUS_URL if it is set)
    --output_dir  folder of the prepared files (default: this folder)
    --force       prepare again, even if the files exist

Errors (one line, exit code 2; earlier files stay unchanged): a raw file is missing, cannot be
downloaded or has another SHA-256; a row has another number of columns; a file has another number of
rows; a numeric is not a number; a category is not in the training file; a file cannot be written.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from datasets.census.columns import (
    BLOCKS,
    FEATURES,
    HEADER,
    LABELS,
    NUMERICS,
    RAW_COLUMNS,
    WIDTH,
    one_hot,
)
from datasets.preparing.command import DataError, run_preparation
from datasets.preparing.fetch import RawFile, Source, obtain
from datasets.preparing.publish import publish, recipe_of
from datasets.preparing.raw_rows import read_rows

HERE = Path(__file__).resolve().parent
MIRRORS = (
    "https://archive.ics.uci.edu/ml/machine-learning-databases/census-income-mld/{name}.gz",
    "https://archive.ics.uci.edu/ml/machine-learning-databases/census-income-mld/census.tar.gz",
    "http://kdd.ics.uci.edu/databases/census-income/{name}.gz",
)
OUTPUTS = ("train_all/train_data.csv", "valid_all/valid_data.csv", "test_all/test_data.csv")
TABLES = ("table_train_all/train.csv", "table_valid_all/valid.csv", "table_test_all/test.csv")


TRAIN = Source(
    RawFile(
        "census-income.data",
        "3676a81db7d3528f3f8b9f3c699d0f0aa28db45e6e994fa0b8ed38327539ee86",
        MIRRORS,
        "CENSUS_URL",
    ),
    199_523,
)
TEST = Source(
    RawFile(
        "census-income.test",
        "98402b1ab879573d0a7f38a699a40258080e25e33d3401e7bf9c96d3fa0fab8c",
        MIRRORS,
        "CENSUS_URL",
    ),
    99_762,
)


def prepare(
    output_dir: Path,
    raw_dir: Path | None = None,
    force: bool = False,
    train: Source | None = None,
    test: Source | None = None,
) -> None:
    """Writes the prepared files, unless they exist already.

    Args:
        output_dir: folder of `train_all` and the other folders.
        raw_dir: folder of the raw files; None to download them.
        force: write the files even if they exist.
        train: the raw training file; the official one by default.
        test: the raw test file; the official one by default.

    Raises:
        DataError: a raw file is invalid, or an output file cannot be replaced.
        OSError: reading or writing failed.
    """
    train, test = train or TRAIN, test or TEST
    recipe = recipe_of((train.file, test.file), (LABELS, NUMERICS, BLOCKS, HEADER))

    def contents() -> Iterator[tuple[str, Iterator[bytes]]]:
        train_path = obtain(train.file, HERE / "raw", raw_dir)
        test_path = obtain(test.file, HERE / "raw", raw_dir)
        return _contents(train_path, train.rows, test_path, test.rows)

    for name, output in publish(output_dir, recipe, contents, force).items():
        width = len(HEADER) if name in TABLES else WIDTH
        print(f"  {name}: {output['rows']} rows of {width} columns")


class _Field(dict):
    """An output field: maps raw values to output texts."""

    def __init__(self, column: str, texts: dict[str, str]):
        super().__init__(texts)
        self.column = column
        self.index = RAW_COLUMNS.index(column)

    def __missing__(self, value: str) -> str:
        raise ValueError(
            f"column {self.column}: expected a category of the training file, found '{value}'"
        )


class _Numeric(_Field):
    """A numeric field: keeps the digits of the raw value."""

    def __missing__(self, value: str) -> str:
        text = value.strip()
        if not re.fullmatch(r"-?\d+(\.\d+)?", text):
            raise ValueError(f"column {self.column}: expected a number, found '{value}'")
        self[value] = text
        return text


class _Text(_Field):
    """A text field: removes leading and trailing space."""

    def __missing__(self, value: str) -> str:
        text = value.strip()
        if '"' in text:
            raise ValueError(f"column {self.column}: expected no quotation mark, found '{value}'")
        self[value] = text
        return text


def _fit(path: Path, rows: int) -> list[_Field]:
    """Returns the output fields in order, with the categories of the training file."""
    seen = {item.column: set() for item in (*LABELS, *BLOCKS)}
    plan = [(RAW_COLUMNS.index(column), values) for column, values in seen.items()]
    for _, row in read_rows(path, len(RAW_COLUMNS), rows):
        for index, values in plan:
            values.add(row[index])
    for item in (*LABELS, *BLOCKS):
        count = len(seen[item.column])
        if count != item.size:
            raise DataError(
                f"{path}: column {item.column}: {count} categories, expected {item.size}"
            )
    fields = []
    for label in LABELS:
        values = seen[label.column]
        if label.positive not in values:
            raise DataError(f"{path}: column {label.column}: no row has '{label.positive}'")
        fields.append(_Field(label.column, {v: str(int(v == label.positive)) for v in values}))
    fields += [_Numeric(column, {}) for column in NUMERICS]
    for block in BLOCKS:
        try:
            ordered = sorted(seen[block.column], key=int if block.codes else None)
        except ValueError as exc:
            raise DataError(f"{path}: column {block.column}: {exc}") from exc
        texts = {value: one_hot(block.size, place) for place, value in enumerate(ordered)}
        fields.append(_Field(block.column, texts))
    return fields


def _encode(path: Path, rows: int, fields: list[_Field]) -> Iterator[bytes]:
    """Yields the output lines of a raw file."""
    plan = [(field.index, field) for field in fields]
    for line, row in read_rows(path, len(RAW_COLUMNS), rows):
        try:
            text = ",".join([field[row[index]] for index, field in plan])
        except ValueError as exc:
            raise DataError(f"{path}, line {line}, {exc}") from exc
        yield text.encode("ascii") + b"\n"


def _contents(
    train_path: Path, train_rows: int, test_path: Path, test_rows: int
) -> Iterator[tuple[str, Iterator[bytes]]]:
    """Yields each output file and its lines."""
    fields = _fit(train_path, train_rows)
    texts = fields[: len(LABELS)] + [_Text(column, {}) for column in FEATURES]
    # The rows that pandas' DataFrame.sample(frac=0.5, replace=False, random_state=1) draws.
    drawn = np.random.RandomState(1).choice(test_rows, round(0.5 * test_rows), replace=False)
    rest = np.setdiff1d(np.arange(test_rows), drawn)
    for names, plan, complete in ((OUTPUTS, fields, iter), (TABLES, texts, _with_header)):
        lines = list(_encode(test_path, test_rows, plan))
        yield names[0], complete(_encode(train_path, train_rows, plan))
        yield names[1], complete(lines[row] for row in drawn)
        yield names[2], complete(lines[row] for row in rest)
        lines.clear()  # they are written; this frees the memory for the next ones


def _with_header(lines: Iterator[bytes]) -> Iterator[bytes]:
    """Yields the lines; the header comes with the first one, so that rows are counted right."""
    yield ",".join(HEADER).encode("ascii") + b"\n" + next(lines)
    yield from lines


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    return run_preparation("datasets.census.prepare", __doc__, HERE, prepare, arguments)


if __name__ == "__main__":
    sys.exit(main())
