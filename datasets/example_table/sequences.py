"""Generates a CSV file whose labels follow from histories of items: from their order, and a match.

    python -m datasets.example_table.sequences [--output_dir DIR] [--seed 2022] [--train_rows 12000]
                                               [--test_rows 2000]

writes `sequences_all/train/rows.csv` and `sequences_all/test/rows.csv` into DIR, by default this
folder. models/multitask/mmoe/config_sequence.yaml reads them. A row has two labels, each with an
item and a list of items, oldest first, separated by `|`:

    recent   = 1 if the last item of `past` is even. `theme` is an item of its theme, and no other
               item of the past has this theme. Item k, from 0 to 39, has the theme k // 4. A past
               has 12 to 30 items, so its first ten say nothing about the label.
    repeated = 1 if `item` is in `history`, as in half of the rows. A history has 3 to 8 items from
               0 to 19.

A net must compare each item with another column for both labels. The same seed gives the same bytes
on every platform and version.

Errors (one line, exit code 2): an option is out of range; a file cannot be written.
"""

from __future__ import annotations

import sys
from pathlib import Path

from datasets.preparing import sampling
from datasets.preparing.sampling import Draw

HERE = Path(__file__).resolve().parent
HEADER = "recent,repeated,theme,past,item,history"
FILES = ("sequences_all/train/rows.csv", "sequences_all/test/rows.csv")
ITEMS, THEME = 40, 4  # of a past
ITEMS_OF_HISTORY = 20


def row(draw: Draw) -> str:
    """Returns one row, without its newline."""
    last = draw.below(ITEMS)
    first = last // THEME * THEME
    others = [number for number in range(ITEMS) if not first <= number < first + THEME]
    past = [others[draw.below(len(others))] for _ in range(11 + draw.below(19))]
    theme = first + draw.below(THEME)
    item, length = draw.below(ITEMS_OF_HISTORY), 3 + draw.below(6)
    history = [
        (item + 1 + draw.below(ITEMS_OF_HISTORY - 1)) % ITEMS_OF_HISTORY for _ in range(length)
    ]
    repeated = draw.chance(50)
    if repeated:
        history[draw.below(length)] = item
    cells = [1 - last % 2, int(repeated), theme, _joined([*past, last]), item, _joined(history)]
    return ",".join(map(str, cells))


def _joined(items: list[int]) -> str:
    return "|".join(map(str, items))


def content_of(seed: int, split: int, rows: int) -> bytes:
    """Returns the content of a file; see `sampling.table_of`."""
    return f"{HEADER}\n{sampling.table_of(row, seed, split, rows)}".encode("ascii")


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    return sampling.run_generator(
        "datasets.example_table.sequences",
        __doc__,
        content_of,
        FILES,
        (12_000, 2_000),
        arguments,
        output_dir=HERE,
    )


if __name__ == "__main__":
    sys.exit(main())
