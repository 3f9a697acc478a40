"""What each user did on earlier days, in order."""

from __future__ import annotations

import numpy as np


def last_items(
    user: np.ndarray,
    day: np.ndarray,
    time: np.ndarray,
    item: np.ndarray,
    length: int,
    days: int | None = None,
) -> np.ndarray:
    """Returns the last items of each row's user on the days before the row's day.

    A row's own day is left out. So no feedback of the row, and none that is later than it, can get
    into its history.

    Args:
        user: each row's user ``[rows]``, integers.
        day: each row's day ``[rows]``, from 0.
        time: each row's time ``[rows]``; it orders the items of a user.
        item: the item that a row adds to its user's history ``[rows]``; 0 for none.
        length: largest number of items.
        days: only rows of the first ``days`` days add items; None for all days.

    Returns:
        Items ``[rows, length]``, the most recent one last, then 0.
    """
    adds = item > 0 if days is None else (item > 0) & (day < days)
    rows = np.flatnonzero(adds)
    rows = rows[np.lexsort((time[rows], day[rows], user[rows]))]
    _, users = np.unique(user, return_inverse=True)
    span = int(day.max()) + 1
    when = users[rows] * span + day[rows]  # ascending
    first = np.searchsorted(when, users * span)
    end = np.searchsorted(when, users * span + day)
    count = np.minimum(end - first, length)
    place = (end - count)[:, None] + np.arange(length)
    held = np.arange(length) < count[:, None]
    items = np.append(item[rows], 0)
    return items[np.where(held, place, len(rows))]
