"""What the generators of made-up data share: their random choices, their options, their files."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Callable

import numpy as np

from datasets.preparing.command import Parser, naming, run_command, whole_number


class Draw:
    """Random choices, each from one uniform double in [0, 1)."""

    def __init__(self, seed: int, split: int):
        self._uniform = np.random.RandomState([split, seed]).random_sample

    def below(self, count: int) -> int:
        """An integer in [0, count), all alike."""
        return int(self._uniform() * count)

    def chance(self, percent: int) -> bool:
        """True in so many of 100 cases."""
        return self.below(100) < percent

    def share(self, percents: Sequence[int]) -> int:
        """A position, by shares that sum to 100."""
        left = self.below(100)
        for position, percent in enumerate(percents):
            left -= percent
            if left < 0:
                return position
        raise ValueError(f"shares sum to {sum(percents)}, expected 100")

    def usual(self, size: int, position: int, percent: int) -> int:
        """`position` in `percent` of 100 cases, else another of `size`."""
        if self.chance(percent):
            return position
        return (position + 1 + self.below(size - 1)) % size

    def heavy_tail(self, least: int) -> int:
        """An amount with a Pareto tail: twice as much, half as often."""
        return min(int(least / (1.0 - self._uniform())), 99_999)


RowOf = Callable[[Draw], str]  # one row as text, without its newline
ContentOf = Callable[[int, int, int], bytes]  # a file, of a seed, a split and a number of rows


def table_of(row_of: RowOf, seed: int, split: int, rows: int) -> str:
    """Text of a file; `split` (0 train, 1 test) keeps the two independent of each other."""
    draw = Draw(seed, split)
    return "".join(row_of(draw) + "\n" for _ in range(rows))


def write(
    output_dir: Path, content_of: ContentOf, suffix: str, seed: int, rows: Sequence[int]
) -> None:
    """Write both files, `NAME/NAME_data` and the suffix, each whole or not at all."""
    for split, (name, count) in enumerate(zip(("train", "test"), rows)):
        target = output_dir / name / f"{name}_data{suffix}"
        target.parent.mkdir(parents=True, exist_ok=True)
        part = output_dir / f".{target.name}.part"
        try:
            with naming(part):
                part.write_bytes(content_of(seed, split, count))
                part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        print(f"{target}: {count} rows of seed {seed}")


def run_sample(
    prog: str,
    description: str,
    row_of: RowOf,
    rows: tuple[int, int],
    arguments: list[str] | None = None,
) -> int:
    """Run the command of a generator of text, row by row; returns its exit code.

    Args:
        prog: the command's name.
        description: its docstring; the first line is the help's.
        row_of: makes a row.
        rows: of training and of testing, by default.
        arguments: of the command line, by default the process's own.
    """

    def content_of(seed: int, split: int, count: int) -> bytes:
        return table_of(row_of, seed, split, count).encode("ascii")

    return run_generator(prog, description, content_of, ".txt", rows, arguments)


def run_generator(
    prog: str,
    description: str,
    content_of: ContentOf,
    suffix: str,
    rows: tuple[int, int],
    arguments: list[str] | None = None,
    least: int = 1,
) -> int:
    """Run the command of a generator of files of any form; returns its exit code.

    Args:
        prog: the command's name.
        description: its docstring; the first line is the help's.
        content_of: makes a file.
        suffix: of the files' names.
        rows: of training and of testing, by default.
        arguments: of the command line, by default the process's own.
        least: the fewest rows that a file can have.
    """
    parser = Parser(prog=prog, description=description.split("\n")[0], allow_abbrev=False)
    default = "default: %(default)s"
    parser.add_argument("--output_dir", type=Path, required=True, help="where to write")
    parser.add_argument("--seed", type=whole_number(0), default=2022, help=default)
    parser.add_argument("--train_rows", type=whole_number(least), default=rows[0], help=default)
    parser.add_argument("--test_rows", type=whole_number(least), default=rows[1], help=default)
    options = parser.parse_args(arguments)
    counts = (options.train_rows, options.test_rows)
    return run_command(lambda: write(options.output_dir, content_of, suffix, options.seed, counts))
