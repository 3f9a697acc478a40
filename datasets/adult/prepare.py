"""Adult: the raw files become labels, numerics and ids that the models read.

    python -m datasets.adult.prepare [--raw_dir DIR] [--output_dir DIR] [--force]

makes in the output folder `valid_all/valid_data.csv` (a random tenth of the raw training file),
`train_all/train_data.csv` (the rest of it), `test_all/test_data.csv` (the raw test file), each in
the raw order, and `vocabulary.csv` (which id is which value, learned from the rows of `train_all`
alone). `columns.py` says what the columns are. Options:

    --raw_dir     folder that holds the raw files (default: the environment variable RAW_DIR;
                  without either they are downloaded, from ADULT_URL if that is set)
    --output_dir  default: this file's folder
    --force       prepare anew even if the files are there

Errors (one line, exit code 2; an earlier preparation stays as it was): a raw file that is
missing, cannot be fetched or has another SHA-256; a row with a wrong number of columns; a wrong
number of rows; a numeric that is no number; a label that is none; nowhere to write.
"""

from __future__ import annotations

import hashlib
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

import numpy as np

from datasets.adult.columns import FIELDS, LABELS, NUMERICS, RAW_COLUMNS, WIDTH
from datasets.preparing.command import DataError, run_preparation
from datasets.preparing.fetch import RawFile, Source, obtain
from datasets.preparing.publish import publish
from datasets.preparing.raw_rows import read_rows
from datasets.readers.vocabulary import Vocabulary, listing

HERE = Path(__file__).resolve().parent
MIRRORS = ("https://archive.ics.uci.edu/ml/machine-learning-databases/adult/{name}",)
OUTPUTS = ("train_all/train_data.csv", "valid_all/valid_data.csv", "test_all/test_data.csv")
VOCABULARY = "vocabulary.csv"
NO_ROWS = ("", "|1x3 Cross validator")  # lines of the raw files that are none
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
    """Make the files in `output_dir`, or say that they are there already.

    Args:
        output_dir: where `train_all`, `valid_all`, `test_all` and `vocabulary.csv` go.
        raw_dir: folder of the raw files, instead of a download.
        force: prepare anew even if the files are there.
        train: the raw training file; the official one by default.
        test: the raw test file, likewise.

    Raises:
        DataError: something about the raw files or the output folder is wrong.
        OSError: reading or writing failed.
    """
    train, test = train or TRAIN, test or TEST
    form = repr((LABELS, NUMERICS, FIELDS, SEED, VALIDATION_SHARE))
    recipe = {
        "raw": {source.file.name: source.file.sha256 for source in (train, test)},
        "columns": hashlib.sha256(form.encode()).hexdigest(),
    }

    def contents() -> Iterator[tuple[str, Iterable[bytes]]]:
        paths = [obtain(source.file, HERE / "raw", raw_dir) for source in (train, test)]
        return _contents(_read(paths[0], train.rows), _read(paths[1], test.rows))

    for name, output in publish(output_dir, recipe, contents, force).items():
        held = "ids" if name == VOCABULARY else f"rows of {WIDTH} columns"
        print(f"  {name}: {output['rows']} {held}")


class _Row(dict):
    """A raw row by column; `head` is the output's text before the ids."""

    head: str


def _read(path: Path, rows: int) -> list[_Row]:
    """The rows of a raw file."""
    result = []
    for line, values in read_rows(path, len(RAW_COLUMNS), rows, NO_ROWS):
        row = _Row(zip(RAW_COLUMNS, map(str.strip, values)))
        row["income"] = row["income"].removesuffix(".")
        try:
            row.head = ",".join(_head(row))
        except ValueError as exc:
            raise DataError(f"{path}, line {line}, {exc}") from exc
        result.append(row)
    return result


def _head(row: _Row) -> Iterator[str]:
    for label in LABELS:
        value = row[label.column]
        if value not in label.values:
            known = ", ".join(label.values)
            raise ValueError(f"column {label.column}: '{value}', expected one of {known}")
        yield str(label.values[value])
    for column in NUMERICS:
        if not re.fullmatch(r"\d+", row[column], re.ASCII):
            raise ValueError(f"column {column}: '{row[column]}', expected a number")
        yield row[column]


def _contents(train: list[_Row], test: list[_Row]) -> Iterator[tuple[str, Iterable[bytes]]]:
    """Each output file and its lines."""
    count = round(VALIDATION_SHARE * len(train))
    chosen = np.random.RandomState(SEED).choice(len(train), count, replace=False)
    chosen = set(chosen.tolist())
    fitted = [row for number, row in enumerate(train) if number not in chosen]
    vocabularies = [
        Vocabulary(column, size, sorted({row[column] for row in fitted})) for column, size in FIELDS
    ]
    parts = (fitted, [train[number] for number in sorted(chosen)], test)
    for name, rows in zip(OUTPUTS, parts):
        yield name, _encoded(rows, vocabularies)
    yield VOCABULARY, listing(vocabularies)


def _encoded(rows: list[_Row], vocabularies: list[Vocabulary]) -> Iterator[bytes]:
    for row in rows:
        ids = ",".join([str(ids[row[ids.name]]) for ids in vocabularies])
        yield f"{row.head},{ids}\n".encode("ascii")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    return run_preparation("datasets.adult.prepare", __doc__, HERE, prepare, arguments)


if __name__ == "__main__":
    sys.exit(main())
