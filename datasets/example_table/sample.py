"""A made-up CSV of short-video impressions, to try docs/table.md with.

    python -m datasets.example_table.sample [--output_dir DIR] [--seed 2022] [--train_rows 20000]
                                    [--test_rows 5000]

writes `train_all/train.csv` and `test_all/test.csv` in DIR, by default this file's folder. A row is
an impression: `click` and `like` (0 or 1), `age` and `duration` (seconds), `city`, `device`,
`user_id` and `tags` (separated by `|`). One cell in twenty of age, duration, city and tags is
empty. The labels follow from the features. With every condition counting 0 or 1 and `noise`
uniform on {-1, 0, 1}, drawn for each label,

    click = 1  if  3 [tags has music or games] + 2 [duration < 60] + 2 [user_id is a multiple of 3]
                   + 1 [device is phone] + 1 [city is Berlin or Paris] + noise >= 5
    like  = 1  if  3 [tags has travel or food] + 2 [age < 30] + 2 [user_id is a multiple of 3]
                   + 1 [city is Berlin or Paris] + noise >= 4

where an empty cell fulfils no condition; about 41 % and 39 % of the labels are positive. Users and
cities are rare in part, so some of the test file's are not in the training file. The same seed
gives the same bytes on every platform and version: all draws are uniform doubles of numpy's
RandomState, whose stream is frozen.

Errors (one line, exit code 2): an option out of range; nowhere to write.
"""

from __future__ import annotations

import sys
from pathlib import Path

from datasets.preparing.command import Parser, naming, run_command, whole_number
from datasets.preparing.sampling import Draw, table_of

HERE = Path(__file__).resolve().parent
HEADER = "click,like,age,duration,city,device,user_id,tags"
FILES = ("train_all/train.csv", "test_all/test.csv")
TAGS = ("music", "sports", "travel", "food", "games", "news", "film", "art")
CITIES = ("Berlin", "Paris", "Rome", "Oslo", '"Washington, D.C."', "Lima", "Cairo", "Tokyo")
SMALL_TOWNS = 400  # each in few rows, so that many are in one file alone
DEVICES = ("phone", "tablet", "television")
USERS = 1_000
EMPTY = 5  # percent


def impression(draw: Draw) -> str:
    """One row, without its newline."""
    user = draw.below(USERS)
    age = 14 + draw.below(60)
    duration = 5 + draw.below(55) if draw.chance(60) else 60 + draw.below(600)
    town = f"town {draw.below(SMALL_TOWNS)}"
    city = town if draw.chance(10) else CITIES[draw.below(len(CITIES))]
    device = DEVICES[draw.share((60, 25, 15))]
    tags = sorted({TAGS[draw.below(len(TAGS))] for _ in range(1 + draw.below(4))})
    cells = {"age": str(age), "duration": str(duration), "city": city, "tags": "|".join(tags)}
    for name in cells:
        if draw.chance(EMPTY):
            cells[name] = ""

    kept = set(cells["tags"].split("|"))
    both = 2 * (user % 3 == 0) + (cells["city"] in ("Berlin", "Paris"))
    click = 3 * bool(kept & {"music", "games"}) + both + (device == "phone")
    click += 2 * (cells["duration"] != "" and duration < 60)
    like = 3 * bool(kept & {"travel", "food"}) + both + 2 * (cells["age"] != "" and age < 30)
    labels = (click + draw.below(3) - 1 >= 5, like + draw.below(3) - 1 >= 4)
    row = [*(str(int(label)) for label in labels), cells["age"], cells["duration"], cells["city"]]
    return ",".join([*row, device, str(user), cells["tags"]])


def write(output_dir: Path, seed: int, rows: tuple[int, int]) -> None:
    """Write both files, each whole or not at all."""
    for split, (name, count) in enumerate(zip(FILES, rows)):
        target = output_dir / name
        target.parent.mkdir(parents=True, exist_ok=True)
        part = target.with_name(f".{target.name}.part")
        try:
            with naming(part):
                text = f"{HEADER}\n{table_of(impression, seed, split, count)}"
                part.write_bytes(text.encode("ascii"))
                part.replace(target)
        finally:
            part.unlink(missing_ok=True)
        print(f"{target}: {count} rows of seed {seed}")


def main(arguments: list[str] | None = None) -> int:
    """Run the command; returns its exit code."""
    parser = Parser(
        prog="datasets.example_table.sample", description=__doc__.split("\n")[0], allow_abbrev=False
    )
    default = "default: %(default)s"
    parser.add_argument("--output_dir", type=Path, default=HERE, help=default)
    parser.add_argument("--seed", type=whole_number(0), default=2022, help=default)
    parser.add_argument("--train_rows", type=whole_number(1), default=20_000, help=default)
    parser.add_argument("--test_rows", type=whole_number(1), default=5_000, help=default)
    options = parser.parse_args(arguments)
    rows = (options.train_rows, options.test_rows)
    return run_command(lambda: write(options.output_dir, options.seed, rows))


if __name__ == "__main__":
    sys.exit(main())
