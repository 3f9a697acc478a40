"""Generates a CSV file of short-video impressions, the example of docs/table.md.

    python -m datasets.example_table.sample [--output_dir DIR] [--seed 2022] [--train_rows 20000]
                                            [--test_rows 5000]

writes `train_all/train.csv` and `test_all/test.csv` into DIR, by default this folder. A row is an
impression: `click` and `like` (0 or 1), `watch_time` (seconds), `rating` (0 to 4), `weight` and
`watch_weight` (sample weights), `age` and `duration` (seconds), `city`, `device`, `user_id` and
`tags` (separated by `|`). One cell in twenty of age, duration, city and tags is empty. The labels
follow from the features. Each condition counts 0 or 1, and `noise` is uniform on {-1, 0, 1}, drawn
for each label:

    click  = 1  if  3 [tags has music or games] + 2 [duration < 60] + 2 [user_id is a multiple of 3]
                    + 1 [device is phone] + 1 [city is Berlin or Paris] + noise >= 5
    like   = 1  if  3 [tags has travel or food] + 2 [age < 30] + 2 [user_id is a multiple of 3]
                    + 1 [city is Berlin or Paris] + noise >= 4
    rating =  1 [tags has travel or food] + 1 [age < 30] + 1 [user_id is a multiple of 3] + 1 [city
              is Berlin or Paris], and in 20 % of the rows an integer from 0 to 4
    watch_time = (4 + 20 [tags has music or games] + 10 [duration >= 60] + 10 [user_id is a multiple
                 of 3]) * an integer from 80 to 120 / 100

    weight       = 2 if device is television, otherwise 1
    watch_weight = 0.5 if device is television, otherwise 1

An empty cell meets no condition. The watch time is empty in rows without a click. The rating is
empty in 60 % of the rows. About 41 % and 39 % of click and like are positive. Some users and cities
are rare, so the test file has users and cities that are not in the training file. The same seed
gives the same bytes on every platform and version: all draws are uniform doubles of NumPy's
RandomState, whose stream never changes.

Errors (one line, exit code 2): an option is out of range; a file cannot be written.
"""

from __future__ import annotations

import sys
from pathlib import Path

from datasets.preparing import sampling
from datasets.preparing.sampling import Draw

HERE = Path(__file__).resolve().parent
HEADER = "click,like,watch_time,rating,weight,watch_weight,age,duration,city,device,user_id,tags"
LATER_STREAM = 2  # added to the split: what was added later does not change the earlier columns
FILES = ("train_all/train.csv", "test_all/test.csv")
TAGS = ("music", "sports", "travel", "food", "games", "news", "film", "art")
CITIES = ("Berlin", "Paris", "Rome", "Oslo", '"Washington, D.C."', "Lima", "Cairo", "Tokyo")
SMALL_TOWNS = 400  # each is in few rows, so that many are in only one file
DEVICES = ("phone", "tablet", "television")
USERS = 1_000
EMPTY = 5  # percent


def impression(draw: Draw, later: Draw) -> str:
    """Returns one row, without its newline; ``later`` draws watch time and rating."""
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
    music, travel = bool(kept & {"music", "games"}), bool(kept & {"travel", "food"})
    third, city = user % 3 == 0, cells["city"] in ("Berlin", "Paris")
    long, young = cells["duration"] != "" and duration >= 60, cells["age"] != "" and age < 30
    short = cells["duration"] != "" and not long
    click = 3 * music + 2 * short + 2 * third + (device == "phone") + city
    like = 3 * travel + 2 * young + 2 * third + city
    click, like = click + draw.below(3) - 1 >= 5, like + draw.below(3) - 1 >= 4

    hundredths = (4 + 20 * music + 10 * long + 10 * third) * (80 + later.below(41))
    rating = later.below(5) if later.chance(20) else travel + young + third + city
    rated = later.chance(40)
    labels = [int(click), int(like), f"{hundredths / 100:.2f}" if click else ""]
    labels.append(rating if rated else "")
    weights = ("2", "0.5") if device == "television" else ("1", "1")
    row = [*labels, *weights, cells["age"], cells["duration"], cells["city"]]
    return ",".join([*map(str, row), device, str(user), cells["tags"]])


def content_of(seed: int, split: int, rows: int) -> bytes:
    """Returns the content of a file; see `sampling.table_of`."""
    later = Draw(seed, split + LATER_STREAM)
    text = sampling.table_of(lambda draw: impression(draw, later), seed, split, rows)
    return f"{HEADER}\n{text}".encode("ascii")


def write(output_dir: Path, seed: int, rows: tuple[int, int]) -> None:
    """Writes the training and the test file."""
    sampling.write(output_dir, content_of, FILES, seed, rows)


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    return sampling.run_generator(
        "datasets.example_table.sample",
        __doc__,
        content_of,
        FILES,
        (20_000, 5_000),
        arguments,
        output_dir=HERE,
    )


if __name__ == "__main__":
    sys.exit(main())
