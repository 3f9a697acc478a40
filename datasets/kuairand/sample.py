"""Generates a small sample in the format of the prepared KuaiRand-Pure log.

    python -m datasets.kuairand.sample --output_dir DIR [--seed 2022] [--train_rows 1000]
                                       [--test_rows 500]

writes `train/train_data.txt` and `test/test_data.txt` into DIR. No row comes from KuaiRand. The
labels follow from the features. Each condition counts 0 or 1, a field's name is its id, and `noise`
is uniform on {-1, 0, 1}, drawn for each label:

    click         = 1  if  3 [user_click > 0] + 3 [video_click > 0] + 1 [1 <= first tag <= 15]
                           + 1 [tab = 1] + noise >= 4
    long_view     = 1  if  3 [duration_ms < 60000] + 3 [video_ctcvr > 0] + 1 [hour <= 8]
                           + noise >= 3
    like          = 1  if  3 [user_like > 0] + 2 [video_like > 0] + 1 [music_type = 1] + noise >= 5
    profile_enter = 1  if  3 [author_click > 0] + 2 [user_ctcvr > 0] + 1 [hour > 16] + noise >= 5
    comment       = 1  if  3 [user_like > 0] + 3 [author_like > 0] + noise >= 6
    follow        = 1  if  3 [author_like > 0] + 3 [video_click > 0] + noise >= 6
    forward       = 1  if  3 [video_like > 0] + 3 [user_ctcvr > 0] + noise >= 6
    hate          = 1  if  3 [user_click < 0] + 3 [video_click < 0] + noise >= 6
    ctcvr         = click and long_view
    watch_ratio   = (2 + 4 [long_view] + 2 [user_ctcvr > 0] + an integer from 0 to 4) / 12
    watch_time    = watch_ratio * duration_ms / 1000, in whole milliseconds

A rate is equal to the column of the history of the same key and label, if there is one. The history
of videos has 0 to 11 random ones. If video_ctcvr > 0, the row's video follows as the last one.

In 2 % of the rows the duration is 0. The watch ratio is missing there, and the watch time is that
of a video of 10 s. About 57 %, 30 %, 20 % and 52 % of the first labels are positive, 21 % of
profile_enter and 17 % of each later one. The same seed gives the same bytes on every platform and
version: all draws are uniform doubles of NumPy's RandomState, whose stream never changes, and the
rest is exact arithmetic.

Errors (one line, exit code 2): an option is out of range; a file cannot be written.
"""

from __future__ import annotations

import sys
from functools import partial

from datasets.kuairand.columns import (
    DENSE,
    DURATION_BOUNDS,
    FIELDS,
    HISTORY,
    IDS,
    LABELS,
    LENGTH,
    RATES,
    SEQUENCE,
)
from datasets.preparing.sampling import Draw, run_sample, table_of

USERS, VIDEOS = 200, 100  # few, so that each occurs often
TAGS = (20, 60, 20)  # percent of rows with no, one and two tags


def impression(draw: Draw) -> str:
    """Returns one row, without its newline."""
    duration = 4_000 + draw.below(116_000) if draw.chance(60) else 60_000 + draw.below(400_000)
    duration = 0 if draw.chance(2) else duration
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
    history = {name: _number(draw, name) for name in HISTORY}
    rates = {}
    for name in RATES:
        same = history.get(name.removeprefix("rate_"))
        rates[name] = _number(draw, name) if same is None else same
    ids = {field.name: [1 + draw.below(field.size - 1)] for field in FIELDS}
    ids["user_id"], ids["video_id"] = [1 + draw.below(USERS)], [1 + draw.below(VIDEOS)]
    ids["author_id"] = ids["video_id"]
    ids["duration"] = [1 + sum(duration >= bound for bound in DURATION_BOUNDS)]
    ids["tab"] = [1] if draw.chance(75) else ids["tab"]
    first = ids["tag"][0]
    tags = {1: [first], 2: [first, 1 + first % 45]}.get(draw.share(TAGS), [])
    ids["tag"] = tags + [0] * (3 - len(tags))
    videos = [1 + draw.below(VIDEOS) for _ in range(draw.below(12))]
    videos += ids["video_id"] * (history["video_ctcvr"] > 0)
    ids[SEQUENCE] = videos + [0] * (LENGTH - len(videos))

    more = {name: number > 0 for name, number in history.items()}
    hour = ids["hour"][0]
    click = 3 * more["user_click"] + 3 * more["video_click"]
    click += (0 < ids["tag"][0] <= 15) + (ids["tab"] == [1])
    like = 3 * more["user_like"] + 2 * more["video_like"] + (ids["music_type"] == [1])
    profile_enter = 3 * more["author_click"] + 2 * more["user_ctcvr"] + (hour > 16)
    scores = {  # and the least score of a 1
        "click": (click, 4),
        "long_view": (3 * (duration < 60_000) + 3 * more["video_ctcvr"] + (hour <= 8), 3),
        "like": (like, 5),
        "profile_enter": (profile_enter, 5),
        "comment": (3 * more["user_like"] + 3 * more["author_like"], 6),
        "follow": (3 * more["author_like"] + 3 * more["video_click"], 6),
        "forward": (3 * more["video_like"] + 3 * more["user_ctcvr"], 6),
        "hate": (6 - 3 * more["user_click"] - 3 * more["video_click"], 6),
    }
    labels = {name: int(score + draw.below(3) - 1 >= one) for name, (score, one) in scores.items()}
    labels["ctcvr"] = labels["click"] * labels["long_view"]
    twelfths = 2 + 4 * labels["long_view"] + 2 * more["user_ctcvr"] + draw.below(5)
    watched = twelfths * (duration or 10_000) // 12
    labels["watch_time"] = f"{watched // 1000}.{watched % 1000:03d}"
    labels["watch_ratio"] = f"{twelfths / 12:.6f}" if duration else ""

    row = [str(labels[name]) for name in LABELS]
    row += [str(number) for number in dense.values()]
    for name, number in (*history.items(), *rates.items()):
        row.append(f"{number / 100:.2f}" if name.endswith("_count") else f"{number / 1000:.3f}")
    row += [str(number) for name in IDS for number in ids[name]]
    return ",".join(row)


def _number(draw: Draw, name: str) -> int:
    """Returns a count in hundredths, or a rate in thousandths that is not near 0."""
    if name.endswith("_count"):
        return draw.below(400)
    size = 50 + draw.below(151)
    return size if draw.chance(50) else -size


table = partial(table_of, impression)  # takes seed, split, rows


def main(arguments: list[str] | None = None) -> int:
    """Runs the command; returns its exit code."""
    return run_sample("datasets.kuairand.sample", __doc__, impression, (1_000, 500), arguments)


if __name__ == "__main__":
    sys.exit(main())
