"""Writes a made-up table of any size: 13 columns of numbers, 26 of categories, 2 labels.

    python -m datasets.example_table.large [--output_dir DIR] [--rows 10000000] [--test_rows 100000]
                                   [--format parquet] [--seed 2022]

writes `train/rows.parquet` and `test/rows.parquet` (or `rows.csv`) in DIR, by default `large_all`
in this file's folder; models/multitask/mmoe/config_large.yaml reads them. The form is that of click
logs such as Criteo's: `click` and `buy` (0 or 1, no `buy` without a `click`), `n1` to `n13` (whole
numbers with a heavy tail, one in ten empty) and `c1` to `c26` (whole numbers from 0 up, by Zipf's
law, from 4 different ones in c1 to ten million in c26). The labels follow from the features:

    P(click) = s(-1 + sum over c1..c13 of e + 0.2 sum over n1..n4 of (log(1 + n) - 1))
    P(buy)   = s(-1 + sum over c7..c19 of e) where click is 1

with s the logistic function, e in [-0.7, 0.7) a number that follows from a column and its value,
and an empty number adding nothing.

Rows are drawn and written 65,536 at a time, so memory does not grow with them. The same seed gives
the same rows with the same version of NumPy, and fewer rows are the beginning of more.

Errors (one line, exit code 2): an option out of range; nowhere to write.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from datasets.preparing.command import Parser, naming, run_command, whole_number
from datasets.readers.table import arrow
from datasets.readers.table.arrow import pa

HERE = Path(__file__).resolve().parent
FORMATS = ("parquet", "csv")
BLOCK = 1 << 16  # rows
DENSE = 13
EMPTY = 0.1  # of the dense columns' cells
ZIPF = 1.05  # the exponent: the k-th value is as frequent as 1 / k^ZIPF
# How many values each sparse column has.
VALUES = (4, 10, 20, 30, 100, 100, 300, 500, 1_000, 2_000, 3_000, 5_000, 10_000)
VALUES += (20_000, 30_000, 50_000, 100_000, 100_000, 200_000, 300_000, 500_000)
VALUES += (1_000_000, 1_000_000, 2_000_000, 5_000_000, 10_000_000)


def block(seed: int, split: int, number: int) -> pa.RecordBatch:
    """Returns a block's rows; `split` (0 train, 1 test) keeps the two independent."""
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
    """Returns values below `size`, the smaller the more frequent, from numbers in [0, 1).

    They are the whole parts of a continuous power law's: its distribution is inverted.
    """
    power = 1.0 - ZIPF
    found = (uniform * ((size + 1.0) ** power - 1.0) + 1.0) ** (1.0 / power) - 1.0
    return np.clip(found, 0, size - 1).astype(np.int32)


def _effect(column: int, ids: np.ndarray) -> np.ndarray:
    """Returns what each value adds to the log-odds: as good as random, the same in any file."""
    mixed = (ids.astype(np.uint64) * 2_654_435_761 + (column + 1) * 40_503) % (1 << 32)
    mixed = (mixed ^ (mixed >> np.uint64(15))) * np.uint64(2_246_822_519) % np.uint64(1 << 32)
    return mixed / 2.0**32 * 1.4 - 0.7


def _logistic(odds: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-odds))


def blocks(seed: int, split: int, rows: int) -> Iterator[pa.RecordBatch]:
    """Yields a file's rows."""
    for number, first in enumerate(range(0, rows, BLOCK)):
        yield block(seed, split, number).slice(0, rows - first)


def write(output_dir: Path, seed: int, rows: tuple[int, int], form: str) -> None:
    """Write both files, each whole or not at all."""
    for split, (name, count) in enumerate(zip(("train", "test"), rows)):
        target = output_dir / name / f"rows.{form}"
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.part")
        try:
            with naming(part), _writer(part, block(seed, split, 0).schema, form) as file:
                for batch in blocks(seed, split, count):
                    file.write_batch(batch)
            part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        print(f"{target}: {count} rows of seed {seed}")


def _writer(path: Path, schema: pa.Schema, form: str):
    if form == "csv":
        return arrow.csv.CSVWriter(path, schema)
    return arrow.parquet.ParquetWriter(path, schema)


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = Parser(
        prog="datasets.example_table.large", description=__doc__.split("\n")[0], allow_abbrev=False
    )
    default = "default: %(default)s"
    parser.add_argument("--output_dir", type=Path, default=HERE / "large_all", help=default)
    parser.add_argument("--rows", type=whole_number(1), default=10_000_000, help=default)
    parser.add_argument("--test_rows", type=whole_number(1), default=100_000, help=default)
    parser.add_argument("--format", choices=FORMATS, default="parquet", help=default)
    parser.add_argument("--seed", type=whole_number(0), default=2022, help=default)
    options = parser.parse_args(arguments)
    rows = (options.rows, options.test_rows)
    return run_command(lambda: write(options.output_dir, options.seed, rows, options.format))


if __name__ == "__main__":
    sys.exit(main())
