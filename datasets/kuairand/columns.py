"""The columns of the prepared KuaiRand-Pure rows.

A row has the labels, the dense numbers, the history, the rates and the ids, in the order below.
Labels, history, rates and the sequence of videos contain user feedback, the other columns none.
History and sequence cover earlier days only, rates the training days other than the row's own.
"""

from __future__ import annotations

from typing import NamedTuple


class Field(NamedTuple):
    """A sparse field.

    Attributes:
        name: the raw column, or the name of a derived column.
        size: number of ids: all values of the official tables, and 0 for out-of-vocabulary.
        max_len: number of its columns; fewer values are padded with 0 at the end.
        least: training rows that a value needs for an id of its own. Rarer values are
            out-of-vocabulary, so that the embedding of 0 is trained.
    """

    name: str
    size: int
    max_len: int = 1
    least: int = 1


# The day of a row is its index in DAYS. Training days are below TRAIN_DAYS, or below FIT_DAYS if
# valid_all is used to choose settings.
DAYS = (*range(20220425, 20220431), *range(20220501, 20220509))
TRAIN_DAYS = 6
FIT_DAYS = 5

# ctcvr is a click and a long view. About 0.1 % of the rows are long views without a click.
FLAG_LABELS = (
    *("click", "ctcvr", "like", "long_view"),
    *("profile_enter", "comment", "follow", "forward", "hate"),
)
# Seconds, and their share of the duration, at most 1. The share is missing if the duration is 0.
NUMBER_LABELS = ("watch_time", "watch_ratio")
LABELS = (*FLAG_LABELS, *NUMBER_LABELS)

LOG_DENSE = ("duration_ms",)
USER_DENSE = ("follow_user_num", "fans_user_num", "friend_user_num", "register_days")
VIDEO_DENSE = ("server_width", "server_height")
DENSE = (*LOG_DENSE, *USER_DENSE, *VIDEO_DENSE)

# The keys of the history, and the labels whose rates it has beside the count. The later columns
# follow, so that the earlier ones keep their places: of watch_time, the mean of log(1 + seconds).
HISTORY_OF = {
    "user": ("click", "ctcvr", "like"),
    "video": ("click", "ctcvr", "like"),
    "author": ("click", "ctcvr", "like"),
    "user_tab": ("click", "ctcvr"),
    "video_tab": ("click", "ctcvr"),
}
LATER_HISTORY = ("profile_enter", "watch_time", "watch_ratio")
HISTORY = (
    *(f"{of}_{what}" for of, rates in HISTORY_OF.items() for what in ("count", *rates)),
    *(f"{of}_{what}" for of in HISTORY_OF for what in LATER_HISTORY),
)
# The rates: of each of these labels over each of these keys, beside the key's count. Training rows
# take them from the other training days, later rows from the training days.
RATE_KEYS = (
    *("user", "video", "author", "user_tab", "video_tab", "author_tab"),
    *("tab_hour", "tab_duration", "user_duration", "user_author"),
)
RATE_LABELS = ("click", "long_view", "like", "profile_enter", "watch_time", "watch_ratio")
RATES = tuple(f"rate_{key}_{what}" for key in RATE_KEYS for what in ("count", *RATE_LABELS))
SMOOTHING = 20  # rows with the average rate that are added to the observed rows

# Upper limits of the duration buckets in milliseconds: four per octave, from 4 s to 17 min.
DURATION_BOUNDS = tuple(round(4_000 * 2 ** (step / 4)) for step in range(33))

LOG_FIELDS = (
    Field("tab", 16),
    Field("hour", 25),
    Field("duration", 35),
)
USER_FIELDS = (
    Field("user_id", 27_286, least=2),
    Field("user_active_degree", 10),
    Field("is_live_streamer", 3),
    Field("is_video_author", 3),
    Field("follow_user_num_range", 9),
    Field("fans_user_num_range", 10),
    Field("friend_user_num_range", 8),
    Field("register_days_range", 9),
    *(
        Field(f"onehot_feat{number}", size)
        for number, size in enumerate((3, 8, 51, 1472, 16, 35, 4, 119, 455, 8, 6, 6))
    ),
    *(Field(f"onehot_feat{number}", 3) for number in range(12, 18)),
)
VIDEO_FIELDS = (
    Field("video_id", 7_584, least=2),
    Field("author_id", 6_511, least=2),
    Field("video_type", 4),
    Field("upload_type", 15),
    Field("music_type", 6),
    Field("tag", 47, max_len=3),
)
FIELDS = (*LOG_FIELDS, *USER_FIELDS, *VIDEO_FIELDS)

# The videos that the user clicked and viewed long on earlier days, the most recent one last. Its
# ids are those of video_id.
SEQUENCE = "history"
LENGTH = 50
IDS = {**{field.name: field.max_len for field in FIELDS}, SEQUENCE: LENGTH}

WIDTH = len(LABELS) + len(DENSE) + len(HISTORY) + len(RATES) + sum(IDS.values())
