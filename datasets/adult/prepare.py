"""Prepares Adult: training, validation and test files of labels, numerics and ids.

    python -m datasets.adult.prepare [--raw_dir DIR] [--output_dir DIR] [--force]

writes into the output folder `valid_all/valid_data.csv` (a random tenth of the raw training file),
`train_all/train_data.csv` (its other rows) and `test_all/test_data.csv` (the raw test file), each
in the raw order. `vocabulary.csv` lists the values of the ids, which follow from the rows of
`train_all`. `columns.py` lists the columns. Options:

    --raw_dir     folder of the raw files (default: the environment variable RAW_DIR; if neither is
                  set, they are downloaded, from ADULT_URL if it is set)
    --output_dir  folder of the prepared files (default: this folder)
    --force       prepare again, even if the files exist

Errors (one line, exit code 2; earlier files stay unchanged): a raw file is missing, cannot be
downloaded or has another SHA-256; a row has another number of columns; a file has another number of
rows; a numeric is not a number; a label is unknown; a file cannot be written.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from datasets.adult.columns import FIELDS, LABELS, NUMBER_LABEL, NUMERICS, RAW_COLUMNS, WIDTH
from datasets.preparing.command import DataError, run_preparation
from datasets.preparing.fetch import RawFile, Source, obtain
from datasets.preparing.publish import publish, recipe_of
from datasets.preparing.raw_rows import read_rows
from datasets.preparing.vocabulary import Vocabulary, csv_lines

HERE = Path(__file__).resolve().parent
MIRRORS = ("https://archive.ics.uci.edu/ml/machine-learning-databases/adult/{name}",)
OUTPUTS = ("train_all/train_data.csv", "valid_all/valid_data.csv", "test_all/test_data.csv")
VOCABULARY = "vocabulary.csv"
NO_ROWS = ("", "|1x3 Cross validator")  # lines of the raw files that are not rows
SEED = 1  # of the validation rows
VALIDATION_SHARE = 0.1

TRAIN = Source(
    RawFile(
        "adult.data",
        "5b00264637dbfec36bdeaab5676b0b309ff9eb788d63554ca0a249491c86603d",
        MIRRORS,
        "ADULT_URL",
    ),
    32_561,
)
TEST = Source(
    RawFile(
        "adult.test",
        "a2a9044bc167a35b2361efbabec64e89d69ce82d9790d2980119aac5fd7e9c05",
        MIRRORS,
        "ADULT_URL",
    ),
    16_281,
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
        output_dir: folder of `train_all`, `valid_all`, `test_all` and `vocabulary.csv`.
        raw_dir: folder of the raw files; None to download them.
        force: write the files even if they exist.
        train: the raw training file; the official one by default.
        test: the raw test file; the official one by default.

    Raises:
        DataError: a raw file is invalid, or an output file cannot be replaced.
        OSError: reading or writing failed.
    """
    train, test = train or TRAIN, test or TEST
    settings = (LABELS, NUMBER_LABEL, NUMERICS, FIELDS, SEED, VALIDATION_SHARE)
    recipe = recipe_of((train.file, test.file), settings)

    def contents() -> Iterator[tuple[str, Iterable[bytes]]]:
        paths = [obtain(source.file, HERE / "raw", raw_dir) for source in (train, test)]
        return _contents(_read(paths[0], train.rows), _read(paths[1], test.rows))

    for name, output in publish(output_dir, recipe, contents, force).items():
        unit = "ids" if name == VOCABULARY else f"rows of {WIDTH} columns"
        print(f"  {name}: {output['rows']} {unit}")


class _Row(dict):
    """A raw row by column; ``head`` is the text of its labels and numerics."""

    head: str


def _read(path: Path, rows: int) -> list[_Row]:
    """Returns the rows of a raw file."""
    rows_of_file = []
    for line, values in read_rows(path, len(RAW_COLUMNS), rows, NO_ROWS):
        row = _Row(zip(RAW_COLUMNS, map(str.strip, values)))
        row["income"] = row["income"].removesuffix(".")
        try:
            row.head = ",".join(_head(row))
        except ValueError as exc:
            raise DataError(f"{path}, line {line}, {exc}") from exc
        rows_of_file.append(row)
    return rows_of_file


def _head(row: _Row) -> Iterator[str]:
    for label in LABELS:
        value = row[label.column]
        if value not in label.values:
            known = ", ".join(label.values)
            raise ValueError(f"column {label.column}: expected one of {known}, found '{value}'")
        yield str(label.values[value])
    for column in (NUMBER_LABEL, *NUMERICS):
        if not re.fullmatch(r"\d+", row[column], re.ASCII):
            raise ValueError(f"column {column}: expected a number, found '{row[column]}'")
        yield row[column]


def _contents(train: list[_Row], test: list[_Row]) -> Iterator[tuple[str, Iterable[bytes]]]:
    """Yields each output file and its lines."""
    count = round(VALIDATION_SHARE * len(train))
    drawn = np.random.RandomState(SEED).choice(len(train), count, replace=False)
    validation = set(drawn.tolist())
    training = [row for number, row in enumerate(train) if number not in validation]
    vocabularies = [
        Vocabulary(column, size, sorted({row[column] for row in training}))
        for column, size in FIELDS
    ]
    parts = (training, [train[number] for number in sorted(validation)], test)
    for name, rows in zip(OUTPUTS, parts):
        yield name, _encoded(rows, vocabularies)
    yield VOCABULARY, csv_lines(vocabularies)


def _encoded(rows: list[_Row], vocabularies: list[Vocabulary]) -> Iterator[bytes]:
    for row in rows:
        ids = ",".join([str(ids[row[ids.name]]) for ids in vocabularies])
        yield f"{row.head},{ids}\n".encode("ascii")


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    return run_preparation("datasets.adult.prepare", __doc__, HERE, prepare, arguments)


if __name__ == "__main__":
    sys.exit(main())
