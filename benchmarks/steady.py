"""Shared parts of the training loops in this folder: options, clock and JSON line."""

from __future__ import annotations

import argparse
import json
import os
import sys
import time
from typing import Any, Callable

WARM_UP = 50  # first batches, which do not count, as in tools/benchmark.py


class Steady:
    """Measures rows a second, without the first batches and without the time between epochs.

    Attributes:
        rows: number of rows, including the first batches.
    """

    def __init__(self):
        self.rows = 0
        self._steps = self._counted = 0
        self._seconds = 0.0

    def start_epoch(self) -> None:
        """Starts the clock."""
        self._started, self._since = time.perf_counter(), 0

    def step(self, rows: int) -> None:
        """Counts a finished step."""
        self.rows += rows
        self._since += rows
        self._steps += 1
        if self._steps == WARM_UP:
            self.start_epoch()

    def end_epoch(self) -> None:
        """Stops the clock."""
        if self._steps > WARM_UP:
            self._seconds += time.perf_counter() - self._started
            self._counted += self._since

    def figures(self) -> dict[str, Any]:
        """Returns the figures that tools/benchmark.py reads.

        Raises:
            ValueError: there were too few batches.
        """
        if not self._counted:
            raise ValueError(f"expected more than {WARM_UP} batches, found {self._steps}")
        return {"rows_per_second": self._counted / self._seconds, "rows": self.rows}


def parser(description: str) -> argparse.ArgumentParser:
    """Returns a parser with the options of the loops."""
    made = argparse.ArgumentParser(
        description=description, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    positive = {"type": _positive, "metavar": "N"}
    made.add_argument("--data", required=True, metavar="DIR", help="folder of the text files")
    made.add_argument("--batch_size", default=32, help="rows of a batch; default: 32", **positive)
    made.add_argument("--epochs", default=1, help="default: 1", **positive)
    made.add_argument("--max_rows", help="rows of an epoch; default: all", **positive)
    made.add_argument(
        "--feature_size", default=499, help="features of a line; default: 499", **positive
    )
    return made


def files_of(folder: str) -> list[str]:
    """Returns the files of a folder in the order of their names, without hidden files."""
    names = sorted(name for name in os.listdir(folder) if not name.startswith("."))
    return [os.path.join(folder, name) for name in names]


def report(train: Callable[[], dict[str, Any]]) -> None:
    """Prints the result of a loop; bad input is an error of one line with exit code 2."""
    try:
        print(json.dumps(train()))
    except (OSError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)


def _positive(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"expected an integer of at least 1, found {text!r}")
    return int(text)
