"""Generates a small sample in the format of the prepared KuaiRand-Pure log.

    python -m datasets.kuairand.sample --output_dir DIR [--seed 2022] [--train_rows 1000]
                                       [--test_rows 500]

writes `train/train_data.txt` and `test/test_data.txt` into DIR. No row comes from KuaiRand. The
labels follow from the features. Each condition counts 0 or 1, a field's name is its id, and `noise`
is uniform on {-1, 0, 1}, drawn for each label:

    click     = 1  if  3 [user_click > 0] + 3 [video_click > 0] + 1 [1 <= first tag <= 15]
                       + 1 [tab = 1] + noise >= 4
    long_view = 1  if  3 [duration_ms < 60000] + 3 [video_ctcvr > 0] + 1 [hour <= 8] + noise >= 3
    like      = 1  if  3 [user_like > 0] + 2 [video_like > 0] + 1 [music_type = 1] + noise >= 5
    ctcvr     = click and long_view

About 57 %, 52 %, 20 % and 30 % of the labels are positive. The same seed gives the same bytes on
every platform and version: all draws are uniform doubles of NumPy's RandomState, whose stream never
changes, and the rest is exact arithmetic.

Errors (one line, exit code 2): an option is out of range; a file cannot be written.
"""

from __future__ import annotations

import sys
from functools import partial

from datasets.kuairand.columns import DENSE, DURATION_BOUNDS, FIELDS, HISTORY, LABELS
from datasets.preparing.sampling import Draw, run_sample, table_of

USERS, VIDEOS = 200, 100  # few, so that each occurs often
TAGS = (20, 60, 20)  # percent of rows with no, one and two tags


def impression(draw: Draw) -> str:
    """Returns one row, without its newline."""
    duration = 4_000 + draw.below(116_000) if draw.chance(60) else 60_000 + draw.below(400_000)
    dense = dict.fromkeys(DENSE)
    dense.update(
        duration_ms=duration,
        follow_user_num=draw.heavy_tail(30),
        fans_user_num=draw.heavy_tail(10),
        friend_user_num=draw.heavy_tail(5),
        register_days=14 + draw.below(2_000),
        server_width=720,
        server_height=1_280 if draw.chance(75) else 720,
    )
    history = {}  # counts in hundredths, rates in thousandths and not near 0
    for name in HISTORY:
        size = draw.below(400) if name.endswith("_count") else 50 + draw.below(151)
        history[name] = size if name.endswith("_count") or draw.chance(50) else -size
    ids = {field.name: [1 + draw.below(field.size - 1)] for field in FIELDS}
    ids["user_id"], ids["video_id"] = [1 + draw.below(USERS)], [1 + draw.below(VIDEOS)]
    ids["author_id"] = ids["video_id"]
    ids["duration"] = [1 + sum(duration >= bound for bound in DURATION_BOUNDS)]
    ids["tab"] = [1] if draw.chance(75) else ids["tab"]
    first = ids["tag"][0]
    tags = {1: [first], 2: [first, 1 + first % 45]}.get(draw.share(TAGS), [])
    ids["tag"] = tags + [0] * (3 - len(tags))

    click = 3 * (history["user_click"] > 0) + 3 * (history["video_click"] > 0)
    click += (0 < ids["tag"][0] <= 15) + (ids["tab"] == [1])
    view = 3 * (duration < 60_000) + 3 * (history["video_ctcvr"] > 0) + (ids["hour"][0] <= 8)
    like = 3 * (history["user_like"] > 0) + 2 * (history["video_like"] > 0)
    like += ids["music_type"] == [1]
    labels = {
        "click": click + draw.below(3) - 1 >= 4,
        "long_view": view + draw.below(3) - 1 >= 3,
        "like": like + draw.below(3) - 1 >= 5,
    }
    labels["ctcvr"] = labels["click"] and labels["long_view"]

    row = [str(int(labels[name])) for name in LABELS]
    row += [str(number) for number in dense.values()]
    for name, number in history.items():
        row.append(f"{number / 100:.2f}" if name.endswith("_count") else f"{number / 1000:.3f}")
    row += [str(number) for field in FIELDS for number in ids[field.name]]
    return ",".join(row)


table = partial(table_of, impression)  # takes seed, split, rows


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    return run_sample("datasets.kuairand.sample", __doc__, impression, (1_000, 500), arguments)


if __name__ == "__main__":
    sys.exit(main())
