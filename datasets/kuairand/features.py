"""Features that follow from the training days: ids of values, and histories of earlier days."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

import numpy as np

from datasets.kuairand.columns import SMOOTHING, TRAIN_DAYS, Field
from datasets.preparing.vocabulary import Vocabulary
from datasets.readers.rates.daily_sums import DailySums


class FieldIds:
    """The ids of a field, assigned day by day.

    A value gets its id on the training day on which it has occurred in ``field.least`` rows. Ids
    are ordered by that day, then by value. So the vocabulary of fewer days is the beginning of that
    of more days, and a model of fewer days can read the ids of more days.

    Args:
        field: the field.
        values: the texts of each position; an empty text is missing.
        place: each row's position ``[rows]``.
        day: each row's day ``[rows]``.

    Raises:
        DataError: there are more values than ids.
    """

    def __init__(
        self, field: Field, values: Sequence[list[str]], place: np.ndarray, day: np.ndarray
    ):
        texts = sorted({text for several in values for text in several if text}, key=_order)
        code = {text: number for number, text in enumerate(texts)}
        # The last code is missing and padding.
        self._codes = np.full((len(values), field.max_len), len(texts))
        for position, several in enumerate(values):
            present = [code[text] for text in several if text][: field.max_len]
            self._codes[position, : len(present)] = present
        self._place = place
        counts = np.zeros((TRAIN_DAYS, len(texts) + 1), np.int64)
        for number in range(TRAIN_DAYS):
            codes = self._codes[place[day == number]].ravel()
            counts[number] = np.bincount(codes, minlength=len(texts) + 1)
        frequent = counts.cumsum(axis=0) >= field.least
        frequent[:, -1] = False
        self._first_day = np.where(frequent.any(axis=0), frequent.argmax(axis=0), TRAIN_DAYS)
        order = np.argsort(self._first_day, kind="stable")
        order = order[self._first_day[order] < TRAIN_DAYS]
        self._ids = np.zeros(len(texts) + 1, np.int64)
        self._ids[order] = np.arange(1, len(order) + 1)
        self.vocabulary = Vocabulary(field.name, field.size, (texts[code] for code in order))

    def of(self, rows: np.ndarray, days: int) -> np.ndarray:
        """Returns ids ``[len(rows), max_len]`` by the vocabulary of the first ``days`` days."""
        ids = np.where(self._first_day < days, self._ids, 0)[self._codes[self._place[rows]]]
        if ids.shape[1] > 1:  # move out-of-vocabulary ids behind the others
            order = np.argsort(ids == 0, axis=1, kind="stable")
            ids = np.take_along_axis(ids, order, axis=1)
        return ids


def _order(text: str) -> tuple:
    return (0, int(text), "") if text.isdecimal() else (1, 0, text)


def history(key: np.ndarray, day: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """Returns statistics of each row's key on the training days before the row's day.

    Args:
        key: each row's user, video or other key ``[rows]``; any integers from 0.
        day: each row's day ``[rows]``.
        labels: labels ``[rows, labels]``, float64; NaN where a label is missing.

    Returns:
        ``[rows, 1 + labels]``: log(1 + number of rows), then the difference of each label's mean to
        the mean over all keys. ``SMOOTHING`` rows with the average are added to each key. All
        numbers are 0 for a key without rows, and so on the first day.
    """
    known = day < TRAIN_DAYS
    sums = DailySums.of(key[known], day[known], labels[known])
    return _rounded(sums.earlier_days(key, day, SMOOTHING))


def rates(
    keys: Iterable[np.ndarray], day: np.ndarray, labels: np.ndarray, rows: np.ndarray, known: int
) -> np.ndarray:
    """Returns statistics of each row's keys on other days, as `history` has them.

    Args:
        keys: the keys ``[rows]``; any integers from 0.
        day: each row's day ``[rows]``.
        labels: labels ``[rows, labels]``, float64; NaN where a label is missing.
        rows: the rows of the result.
        known: the number of days whose labels are known. A row of these days sees the other ones, a
            later row sees all of them.

    Returns:
        ``[len(rows), keys * (1 + labels)]``.
    """
    seen = day < known
    columns = []
    for key in keys:
        sums = DailySums.of(key[seen], day[seen], labels[seen])
        columns.append(sums.other_days(key[rows], day[rows], SMOOTHING))
    return _rounded(np.hstack(columns))


def _rounded(numbers: np.ndarray) -> np.ndarray:
    return np.round(numbers, 6) + 0.0  # no negative zeros


class _Texts(dict):
    """A cache of numbers as text: the same numbers are frequent. NaN is an empty text."""

    def __missing__(self, number: float) -> str:
        if number != number:
            return ""
        text = self[number] = f"{number:.6f}".rstrip("0").rstrip(".")
        return text


def lines(
    labels: np.ndarray, integers: np.ndarray, rates: np.ndarray, ids: np.ndarray
) -> Iterator[bytes]:
    """Yields the lines of a file.

    Args:
        labels: labels ``[rows, columns]``, float64; NaN becomes an empty cell.
        integers: dense numbers ``[rows, columns]``.
        rates: history ``[rows, columns]``. Labels and history have up to six decimal places.
        ids: ids ``[rows, columns]``.
    """
    text = _Texts().__getitem__
    for start in range(0, len(integers), 4096):
        block = slice(start, start + 4096)
        parts = (part[block].tolist() for part in (labels, integers, rates, ids))
        for row_labels, row, row_rates, row_ids in zip(*parts):
            cells = [*map(text, row_labels), *map(str, row)]
            cells += [*map(text, row_rates), *map(str, row_ids)]
            yield ",".join(cells).encode("ascii") + b"\n"
