"""What is learned from the training days: ids of values, and histories of earlier days."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from datasets.kuairand.columns import SMOOTHING, TRAIN_DAYS, Field
from datasets.readers.vocabulary import Vocabulary


class FieldIds:
    """The ids of a field, learned day by day.

    A value gets its id on the training day on which it has been in `field.least` rows. Ids are
    ordered by that day, then by value: those known on an earlier day are the first of those known
    later, so a model of fewer days reads the ids of more days as it should.

    Args:
        field: the field.
        values: the texts of each position, of which an empty one is missing.
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
        # One more code, the last: missing, and padding.
        self._codes = np.full((len(values), field.max_len), len(texts))
        for position, several in enumerate(values):
            known = [code[text] for text in several if text][: field.max_len]
            self._codes[position, : len(known)] = known
        self._place = place
        counts = np.zeros((TRAIN_DAYS, len(texts) + 1), np.int64)
        for number in range(TRAIN_DAYS):
            found = self._codes[place[day == number]].ravel()
            counts[number] = np.bincount(found, minlength=len(texts) + 1)
        enough = counts.cumsum(axis=0) >= field.least
        enough[:, -1] = False
        self._born = np.where(enough.any(axis=0), enough.argmax(axis=0), TRAIN_DAYS)
        order = np.argsort(self._born, kind="stable")
        order = order[self._born[order] < TRAIN_DAYS]
        self._ids = np.zeros(len(texts) + 1, np.int64)
        self._ids[order] = np.arange(1, len(order) + 1)
        self.vocabulary = Vocabulary(field.name, field.size, (texts[code] for code in order))

    def of(self, rows: np.ndarray, days: int) -> np.ndarray:
        """Returns ids ``[len(rows), max_len]`` as they are known after so many days."""
        ids = np.where(self._born < days, self._ids, 0)[self._codes[self._place[rows]]]
        if ids.shape[1] > 1:  # unknown ones are not to stand before known ones
            order = np.argsort(ids == 0, axis=1, kind="stable")
            ids = np.take_along_axis(ids, order, axis=1)
        return ids


def _order(text: str) -> tuple:
    return (0, int(text), "") if text.isdecimal() else (1, 0, text)


def history(key: np.ndarray, day: np.ndarray, labels: np.ndarray) -> np.ndarray:
    """What was seen of each row's key on the training days before the row's own.

    Args:
        key: of whom or what, ``[rows]``; any integers.
        day: each row's day ``[rows]``.
        labels: ``[rows, labels]``.

    Returns:
        ``[rows, 1 + labels]``: log(1 + number of rows), then by how much the rate of each label
        was above that of all rows on those days, as if ``SMOOTHING`` rows more had been average.
        All are 0 where nothing was seen, so on the first day.
    """
    _, key = np.unique(key, return_inverse=True)
    keys = int(key.max()) + 1
    result = np.zeros((len(key), 1 + labels.shape[1]))
    rows, sums = np.zeros(keys), np.zeros((labels.shape[1], keys))
    for number in range(TRAIN_DAYS + 1):
        now = day == number if number < TRAIN_DAYS else day >= number
        if number:
            deviations = (sums - rows * (sums.sum(axis=1) / rows.sum())[:, None]).T
            rates = deviations / (rows + SMOOTHING)[:, None]
            result[now, 0] = np.log1p(rows)[key[now]]
            result[now, 1:] = rates[key[now]]
        rows += np.bincount(key[now], minlength=keys)
        for total, label in zip(sums, labels[now].T):
            total += np.bincount(key[now], weights=label, minlength=keys)
    return np.round(result, 6) + 0.0  # no negative zeros


class _Texts(dict):
    """Numbers as text; the same ones come again and again."""

    def __missing__(self, number: float) -> str:
        text = self[number] = f"{number:.6f}".rstrip("0").rstrip(".")
        return text


def lines(whole: np.ndarray, rates: np.ndarray, ids: np.ndarray) -> Iterator[bytes]:
    """Lines of a file: whole numbers, rates to six places, ids; ``[rows, columns]`` each."""
    text = _Texts().__getitem__
    for start in range(0, len(whole), 4096):
        block = slice(start, start + 4096)
        parts = (whole[block].tolist(), rates[block].tolist(), ids[block].tolist())
        for row, row_rates, row_ids in zip(*parts):
            cells = [*map(str, row), *map(text, row_rates), *map(str, row_ids)]
            yield ",".join(cells).encode("ascii") + b"\n"
