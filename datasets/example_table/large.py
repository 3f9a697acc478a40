"""Generates a table of any size with 13 columns of numbers, 26 of categories and 2 labels.

    python -m datasets.example_table.large [--output_dir DIR] [--rows 10000000]
                                           [--test_rows 100000] [--format parquet] [--seed 2022]

writes `train/rows.parquet` and `test/rows.parquet` (or `rows.csv`) into DIR, by default `large_all`
in this folder. models/multitask/mmoe/config_large.yaml reads them. The table resembles click logs
such as Criteo's. It has `click` and `buy` (0 or 1, no `buy` without a `click`), `n1` to `n13`
(integers with a heavy tail, one in ten empty) and `c1` to `c26` (integers from 0 on by Zipf's law,
with 4 different values in c1 to ten million in c26). The labels follow from the features:

    P(click) = s(-1 + sum over c1..c13 of e + 0.2 sum over n1..n4 of (log(1 + n) - 1))
    P(buy)   = s(-1 + sum over c7..c19 of e) where click is 1

Here s is the logistic function, and e in [-0.7, 0.7) follows from a column and its value. An empty
number adds nothing.

Rows are written in blocks of 65,536, so memory does not grow with their number. The same seed gives
the same rows with the same version of NumPy. Fewer rows are the beginning of more rows.

Errors (one line, exit code 2): an option is out of range; a file cannot be written.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from datasets.preparing.command import Parser, integer_from, run_command
from datasets.preparing.sampling import new_file
from datasets.readers.table import arrow
from datasets.readers.table.arrow import pa

HERE = Path(__file__).resolve().parent
FORMATS = ("parquet", "csv")
BLOCK = 1 << 16  # rows
DENSE = 13
EMPTY = 0.1  # fraction of empty cells in dense columns
ZIPF = 1.05  # exponent: the frequency of the k-th value is proportional to 1 / k^ZIPF
# Number of values of each sparse column.
VALUES = (4, 10, 20, 30, 100, 100, 300, 500, 1_000, 2_000, 3_000, 5_000, 10_000)
VALUES += (20_000, 30_000, 50_000, 100_000, 100_000, 200_000, 300_000, 500_000)
VALUES += (1_000_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000)


def block(seed: int, split: int, number: int) -> pa.RecordBatch:
    """Returns a block of rows. The splits (0 train, 1 test) are independent of each other."""
    draw = np.random.default_rng([seed, split, number])
    dense = [np.exp(1.5 * draw.standard_normal(BLOCK)).astype(np.int32) for _ in range(DENSE)]
    empty = [draw.random(BLOCK) < EMPTY for _ in dense]
    sparse = [_zipf(draw.random(BLOCK), size) for size in VALUES]
    effects = [_effect(column, ids) for column, ids in enumerate(sparse)]
    numbers = [np.where(no, 0.0, np.log1p(n) - 1) for n, no in zip(dense[:4], empty)]
    click = draw.random(BLOCK) < _logistic(sum(effects[:13]) + 0.2 * sum(numbers) - 1)
    buy = click & (draw.random(BLOCK) < _logistic(sum(effects[6:19]) - 1))
    columns = {"click": click.astype(np.int8), "buy": buy.astype(np.int8)}
    columns.update(
        {f"n{i}": pa.array(n, mask=no) for i, (n, no) in enumerate(zip(dense, empty), 1)}
    )
    columns.update({f"c{i}": ids for i, ids in enumerate(sparse, 1)})
    return pa.record_batch(columns)


def _zipf(uniform: np.ndarray, size: int) -> np.ndarray:
    """Returns integers below ``size``, of which smaller ones are more frequent.

    They are the integer parts of a continuous power law, by inverse transform sampling.

    Args:
        uniform: numbers in [0, 1).
        size: number of values.
    """
    power = 1.0 - ZIPF
    values = (uniform * ((size + 1.0) ** power - 1.0) + 1.0) ** (1.0 / power) - 1.0
    return np.clip(values, 0, size - 1).astype(np.int32)


def _effect(column: int, ids: np.ndarray) -> np.ndarray:
    """Returns what each value adds to the log-odds: pseudo-random, but the same in every file."""
    mixed = (ids.astype(np.uint64) * 2_654_435_761 + (column + 1) * 40_503) % (1 << 32)
    mixed = (mixed ^ (mixed >> np.uint64(15))) * np.uint64(2_246_822_519) % np.uint64(1 << 32)
    return mixed / 2.0**32 * 1.4 - 0.7


def _logistic(odds: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-odds))


def blocks(seed: int, split: int, rows: int) -> Iterator[pa.RecordBatch]:
    """Yields the blocks of a file."""
    for number, first in enumerate(range(0, rows, BLOCK)):
        yield block(seed, split, number).slice(0, rows - first)


def write(output_dir: Path, seed: int, rows: tuple[int, int], form: str) -> None:
    """Writes the training and the test file."""
    for split, (name, count) in enumerate(zip(("train", "test"), rows)):
        schema = block(seed, split, 0).schema
        with (
            new_file(output_dir / name / f"rows.{form}", count, seed) as temporary,
            _writer(temporary, schema, form) as file,
        ):
            for batch in blocks(seed, split, count):
                file.write_batch(batch)


def _writer(path: Path, schema: pa.Schema, form: str):
    if form == "csv":
        return arrow.csv.CSVWriter(path, schema)
    return arrow.parquet.ParquetWriter(path, schema)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    parser = Parser(
        prog="datasets.example_table.large", description=__doc__.split("\n")[0], allow_abbrev=False
    )
    for option, content, settings in (
        ("--output_dir", "folder of the files", {"type": Path, "default": HERE / "large_all"}),
        ("--rows", "rows of the training file", {"type": integer_from(1), "default": 10_000_000}),
        ("--test_rows", "rows of the test file", {"type": integer_from(1), "default": 100_000}),
        ("--format", "format of the files", {"choices": FORMATS, "default": "parquet"}),
        ("--seed", "seed of the random choices", {"type": integer_from(0), "default": 2022}),
    ):
        parser.add_argument(option, help=f"{content} (default: %(default)s)", **settings)
    options = parser.parse_args(arguments)
    rows = (options.rows, options.test_rows)
    return run_command(lambda: write(options.output_dir, options.seed, rows, options.format))


if __name__ == "__main__":
    sys.exit(main())
