r"""Generates a table with a label of every type of task, and what a perfect model predicts.

    python -m datasets.example_table.typed [--output_dir DIR] [--seed 2022] [--train_rows 40000]
                                           [--test_rows 10000] [--missing 0]

writes `train/train.csv` and `test/test.csv` into DIR, by default `typed_all` in this folder.
models/multitask/mmoe/config_typed.yaml reads them. A row is a made-up viewing of a video. `x1` to
`x4` are uniform on [-1, 1], and `device` is phone, tablet or television, with d = 0.5, 0 or -0.5.
The labels are random numbers that depend on these features:

    click     binary       P(1) = s(1.5 x1 + x2 + d)
    rating    multiclass   P = softmax of 0.3 - 2 x2 - x3 (bad), 0.6 (fair), 2 x2 + x3 (good)
    comments  count        Poisson of mean exp(0.5 + 0.8 x2 + 0.5 x4 + d)
    watch     regression   normal of mean 20 + 8 x1 + 6 x2 x3 + 4 d and standard deviation 4
    spend     regression   0, or with P = s(0.5 + x1 + d) lognormal of mu = 1 + 0.6 x3 + 0.4 x4
                           and sigma = 0.5

Here s is the logistic function. `test/_expected.csv` has the expected value of each label in each
row of the test file; readers skip files of such names. No model predicts better than these values,
except by chance. benchmarks/known_answers.py compares a trained model with them.

`--missing 30` empties 30 % of the cells of `watch` in the training file, at random. All else stays.
The same seed gives the same rows with the same version of NumPy.

Errors (one line, exit code 2): an option is out of range; a file cannot be written.
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

import numpy as np

from datasets.preparing.command import Parser, integer_from, run_command
from datasets.preparing.sampling import new_file

HERE = Path(__file__).resolve().parent
DEVICES = ("phone", "tablet", "television")
RATINGS = ("bad", "fair", "good")
NOISE, SIGMA = 4.0, 0.5  # of watch and of spend's logarithm


def rows(seed: int, split: int, count: int) -> tuple[dict, dict]:
    """Returns the columns of a file, and the expected values of its labels.

    Args:
        seed: seed of the random choices.
        split: 0 for the training file, 1 for the test file; they are independent of each other.
        count: number of rows.

    Returns:
        Labels and features ``[count]`` by name, and the expected values by the columns' names of
        predictions: ``rating_bad`` and so on for the classes.
    """
    draw = np.random.default_rng([seed, split])
    x = draw.uniform(-1, 1, [4, count]).round(4)
    device = draw.integers(0, len(DEVICES), count)
    d = np.array([0.5, 0.0, -0.5])[device]
    scores = np.stack([0.3 - 2 * x[1] - x[2], np.full(count, 0.6), 2 * x[1] + x[2]])
    of_rating = np.exp(scores) / np.exp(scores).sum(axis=0)
    some, mu = _logistic(0.5 + x[0] + d), 1 + 0.6 * x[2] + 0.4 * x[3]
    expected = {
        "click": _logistic(1.5 * x[0] + x[1] + d),
        **{f"rating_{name}": each for name, each in zip(RATINGS, of_rating)},
        "comments": np.exp(0.5 + 0.8 * x[1] + 0.5 * x[3] + d),
        "watch": 20 + 8 * x[0] + 6 * x[1] * x[2] + 4 * d,
        "spend": some * np.exp(mu + SIGMA**2 / 2),
    }
    rating = (draw.random(count) > of_rating.cumsum(axis=0)[:-1]).sum(axis=0)
    spent = np.exp(mu + SIGMA * draw.standard_normal(count))
    columns = {
        "click": (draw.random(count) < expected["click"]).astype(int),
        "rating": np.array(RATINGS)[rating],
        "comments": draw.poisson(expected["comments"]),
        "watch": (expected["watch"] + NOISE * draw.standard_normal(count)).round(4),
        "spend": np.where(draw.random(count) < some, spent, 0.0).round(4),
        **{f"x{number}": each for number, each in enumerate(x, 1)},
        "device": np.array(DEVICES)[device],
    }
    return columns, expected


def _logistic(odds: np.ndarray) -> np.ndarray:
    return 1.0 / (1.0 + np.exp(-odds))


def write(output_dir: Path, seed: int, counts: tuple[int, int], missing: int = 0) -> None:
    """Writes the training file, the test file and the test file's expected values.

    Args:
        output_dir: folder of the files.
        seed: seed of the random choices.
        counts: numbers of rows of the training and of the test file.
        missing: percent of the training file's cells of ``watch`` that are empty.
    """
    for split, (name, count) in enumerate(zip(("train", "test"), counts)):
        columns, expected = rows(seed, split, count)
        if name == "train":
            unknown = np.random.default_rng([seed, 2]).random(count) * 100 < missing
            columns["watch"] = np.where(unknown, "", columns["watch"].astype(str))
        else:
            _write_csv(output_dir / name / "_expected.csv", expected, seed)
        _write_csv(output_dir / name / f"{name}.csv", columns, seed)


def _write_csv(path: Path, columns: dict, seed: int) -> None:
    lines = zip(*(column.tolist() for column in columns.values()))
    with new_file(path, len(next(iter(columns.values()))), seed) as temporary:
        text = "".join(",".join(map(str, line)) + "\n" for line in [columns, *lines])
        temporary.write_text(text, encoding="ascii")


def percent(text: str) -> int:
    """Returns the argparse value of a percentage: an integer from 0 to 100."""
    if not text.isdecimal() or int(text) > 100:
        raise argparse.ArgumentTypeError(f"expected an integer from 0 to 100, found '{text}'")
    return int(text)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    parser = Parser(
        prog="datasets.example_table.typed", description=__doc__.split("\n")[0], allow_abbrev=False
    )
    for option, content, settings in (
        ("--output_dir", "folder of the files", {"type": Path, "default": HERE / "typed_all"}),
        ("--seed", "seed of the random choices", {"type": integer_from(0), "default": 2022}),
        ("--train_rows", "rows of the training file", {"type": integer_from(1), "default": 40_000}),
        ("--test_rows", "rows of the test file", {"type": integer_from(1), "default": 10_000}),
        (
            "--missing",
            "percent of empty cells of watch in the training file",
            {"type": percent, "metavar": "PERCENT", "default": 0},
        ),
    ):
        parser.add_argument(option, help=f"{content} (default: %(default)s)", **settings)
    options = parser.parse_args(arguments)
    counts = (options.train_rows, options.test_rows)
    return run_command(lambda: write(options.output_dir, options.seed, counts, options.missing))


if __name__ == "__main__":
    sys.exit(main())
