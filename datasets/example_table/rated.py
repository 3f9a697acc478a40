r"""Generates a table whose labels follow from habits of users and items, over eleven days.

    python -m datasets.example_table.rated [--output_dir DIR] [--seed 2022] [--train_rows 24000]
                                           [--test_rows 6000]

writes `train/train.csv` and `test/test.csv` into DIR, by default `rated_all` in this folder.
models/multitask/mmoe/config_rates.yaml reads them. The training file has the first eight days from
1 to 8 March 2024, the test file the three days after them. A row is a made-up impression of a video
(`item_id`) that a person (`user_id`) got in a `tab`. Nothing else is known of users and items, so
only rates tell what they are like:

    P(click) = s(-1 + a + b + c)        a of the user, b of the item, c of the user in the tab
    watch    = 10 exp(0.5 d + 0.5 e)    d of the item, e of the row; empty without a click

Here s is the logistic function. The letters are normal with mean 0 and a standard deviation of 1.2
(a), 0.8 (b and c) or 1 (d and e). The same seed gives the same rows with the same version of NumPy.

Errors (one line, exit code 2): an option is out of range; a file cannot be written.
"""

from __future__ import annotations

import datetime
import sys
from pathlib import Path

import numpy as np

from datasets.preparing.command import Parser, integer_from, run_command
from datasets.preparing.sampling import new_file

HERE = Path(__file__).resolve().parent
TABS = ("home", "follow", "search")
FIRST_DAY = datetime.date(2024, 3, 1)
DAYS = (8, 3)  # of the training and of the test file
USERS, ITEMS = 3_000, 300


def rows(seed: int, split: int, count: int) -> tuple[dict, np.ndarray]:
    """Returns the columns of a file, and the probability of a click.

    Args:
        seed: seed of the random choices.
        split: 0 for the training file, 1 for the test file.
        count: number of rows.

    Returns:
        Labels and features ``[count]`` by name in the order of days, and P(click) ``[count]``.
    """
    habits = np.random.default_rng(seed)  # those of both files
    of_user, of_item = 1.2 * habits.standard_normal(USERS), 0.8 * habits.standard_normal(ITEMS)
    of_tab = 0.8 * habits.standard_normal([USERS, len(TABS)])
    length = habits.standard_normal(ITEMS)
    draw = np.random.default_rng([seed, split])
    user, item = draw.integers(0, USERS, count), draw.integers(0, ITEMS, count)
    tab, day = draw.integers(0, len(TABS), count), np.sort(draw.integers(0, DAYS[split], count))
    expected = 1 / (1 + np.exp(1 - of_user[user] - of_item[item] - of_tab[user, tab]))
    click = (draw.random(count) < expected).astype(int)
    watch = 10 * np.exp(0.5 * length[item] + 0.5 * draw.standard_normal(count))
    first = FIRST_DAY + datetime.timedelta(DAYS[0] * split)
    columns = {
        "click": click,
        "watch": np.where(click == 1, watch.round(1).astype(str), ""),
        "user_id": user,
        "item_id": item,
        "tab": np.array(TABS)[tab],
        "date": np.array([str(first + datetime.timedelta(number)) for number in day.tolist()]),
    }
    return columns, expected


def write(output_dir: Path, seed: int, counts: tuple[int, int]) -> None:
    """Writes the training file and the test file.

    Args:
        output_dir: folder of the files.
        seed: seed of the random choices.
        counts: numbers of rows of the training and of the test file.
    """
    for split, (name, count) in enumerate(zip(("train", "test"), counts)):
        columns, _ = rows(seed, split, count)
        lines = zip(*(column.tolist() for column in columns.values()))
        with new_file(output_dir / name / f"{name}.csv", count, seed) as temporary:
            text = "".join(",".join(map(str, line)) + "\n" for line in [columns, *lines])
            temporary.write_text(text, encoding="ascii")


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    parser = Parser(
        prog="datasets.example_table.rated", description=__doc__.split("\n")[0], allow_abbrev=False
    )
    for option, content, settings in (
        ("--output_dir", "folder of the files", {"type": Path, "default": HERE / "rated_all"}),
        ("--seed", "seed of the random choices", {"type": integer_from(0), "default": 2022}),
        ("--train_rows", "rows of the training file", {"type": integer_from(1), "default": 24_000}),
        ("--test_rows", "rows of the test file", {"type": integer_from(1), "default": 6_000}),
    ):
        parser.add_argument(option, help=f"{content} (default: %(default)s)", **settings)
    options = parser.parse_args(arguments)
    counts = (options.train_rows, options.test_rows)
    return run_command(lambda: write(options.output_dir, options.seed, counts))


if __name__ == "__main__":
    sys.exit(main())
