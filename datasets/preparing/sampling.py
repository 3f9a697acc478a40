"""Helpers of generators of made-up data: random choices, files and the command line."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Callable

import numpy as np

from datasets.preparing.command import Parser, integer_from, run_command
from datasets.readers import atomic_file


class Draw:
    """Random choices, each from one uniform double in [0, 1)."""

    def __init__(self, seed: int, split: int):
        self._uniform = np.random.RandomState([split, seed]).random_sample

    def below(self, count: int) -> int:
        """Returns an integer in [0, count), uniformly."""
        return int(self._uniform() * count)

    def chance(self, percent: int) -> bool:
        """Returns True with a probability in percent."""
        return self.below(100) < percent

    def share(self, percents: Sequence[int]) -> int:
        """Returns a position, with probabilities in percent that sum to 100."""
        left = self.below(100)
        for position, percent in enumerate(percents):
            left -= percent
            if left < 0:
                return position
        raise ValueError(f"expected percentages that sum to 100, found {sum(percents)}")

    def usual(self, size: int, position: int, percent: int) -> int:
        """Returns ``position`` with a probability in percent, otherwise another one of ``size``."""
        if self.chance(percent):
            return position
        return (position + 1 + self.below(size - 1)) % size

    def heavy_tail(self, least: int) -> int:
        """Returns an amount with a Pareto tail: twice the amount is half as frequent."""
        return min(int(least / (1.0 - self._uniform())), 99_999)


RowOf = Callable[[Draw], str]  # returns a row as text, without its newline
ContentOf = Callable[[int, int, int], bytes]  # returns a file's content; takes seed, split, rows


def table_of(row_of: RowOf, seed: int, split: int, rows: int) -> str:
    """Returns the text of a file. The splits (0 train, 1 test) are independent of each other."""
    draw = Draw(seed, split)
    return "".join(row_of(draw) + "\n" for _ in range(rows))


@contextmanager
def new_file(path: Path, rows: int, seed: int) -> Iterator[Path]:
    """Yields a temporary path for a file's content, then puts the file into place and logs it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with atomic_file.replacing(path) as temporary:
        yield temporary
    print(f"{path}: {rows} rows of seed {seed}")


def write(
    output_dir: Path, content_of: ContentOf, files: Sequence[str], seed: int, rows: Sequence[int]
) -> None:
    """Writes the training and the test file.

    Args:
        output_dir: folder of the files.
        content_of: returns a file's content.
        files: their paths in the folder.
        seed: seed of the random choices.
        rows: their numbers of rows.
    """
    for split, (name, count) in enumerate(zip(files, rows)):
        with new_file(output_dir / name, count, seed) as temporary:
            temporary.write_bytes(content_of(seed, split, count))


def run_sample(
    prog: str,
    description: str,
    row_of: RowOf,
    rows: tuple[int, int],
    arguments: list[str] | None = None,
) -> int:
    """Runs the command of a generator of text rows; returns its exit code.

    Args:
        prog: name of the command.
        description: docstring of the command, whose first line is shown by ``--help``.
        row_of: returns a row.
        rows: default numbers of training and test rows.
        arguments: arguments of the command line; those of the process by default.
    """

    def content_of(seed: int, split: int, count: int) -> bytes:
        return table_of(row_of, seed, split, count).encode("ascii")

    files = ("train/train_data.txt", "test/test_data.txt")
    return run_generator(prog, description, content_of, files, rows, arguments)


def run_generator(
    prog: str,
    description: str,
    content_of: ContentOf,
    files: Sequence[str],
    rows: tuple[int, int],
    arguments: list[str] | None = None,
    least: int = 1,
    output_dir: Path | None = None,
) -> int:
    """Runs the command of a generator of a training and a test file; returns its exit code.

    Args:
        prog: name of the command.
        description: docstring of the command, whose first line is shown by ``--help``.
        content_of: returns a file's content.
        files: paths of the two files in the output folder.
        rows: default numbers of training and test rows.
        arguments: arguments of the command line; those of the process by default.
        least: smallest number of rows of a file.
        output_dir: default of ``--output_dir``; None makes the option required.
    """
    parser = Parser(prog=prog, description=description.split("\n")[0], allow_abbrev=False)
    default = "default: %(default)s"
    parser.add_argument(
        "--output_dir",
        type=Path,
        default=output_dir,
        required=output_dir is None,
        help="folder of the files" + (f" ({default})" if output_dir else ""),
    )
    for option, smallest, number, content in (
        ("--seed", 0, 2022, "seed of the random choices"),
        ("--train_rows", least, rows[0], "rows of the training file"),
        ("--test_rows", least, rows[1], "rows of the test file"),
    ):
        text = f"{content} ({default})"
        parser.add_argument(option, type=integer_from(smallest), default=number, help=text)
    options = parser.parse_args(arguments)
    counts = (options.train_rows, options.test_rows)
    return run_command(lambda: write(options.output_dir, content_of, files, options.seed, counts))
