"""Parses blocks of Ali-CCP's lines into labels and ids with NumPy, for speed."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from datasets.ali_ccp.columns import LABELS, Kept

_COMMA, _COLON, _NEWLINE, _SPACE = b",:\n "
_ZERO, _ONE = b"01"
_HEAD = 3  # separators after id, click and buy
_WORD = 8  # bytes that are read as one integer


class BlockParser:
    """Parses lines in the usual format, in which almost all lines are.

    Args:
        fields: the fields that are read; a name has at most 8 bytes.
    """

    def __init__(self, fields: Sequence[Kept]):
        names = np.array([int.from_bytes(field.name.encode(), "little") for field in fields], "u8")
        self._order = np.argsort(names)
        self._names = names[self._order]
        self._max_len = np.array([field.max_len for field in fields])
        self._first = len(LABELS) + np.cumsum(self._max_len) - self._max_len
        self._width = len(LABELS) + int(self._max_len.sum())

    def parse(self, block: bytes) -> np.ndarray | None:
        """Returns the rows of the lines, ``[lines, 2 + S]`` int32.

        Returns None if a line is blank or malformed, has spaces, or has an id or a field's name of
        more than 8 bytes.

        Args:
            block: complete lines, each with a newline at its end.
        """
        data = np.frombuffer(block, np.uint8)
        marks = np.flatnonzero((data == _COMMA) | (data == _COLON) | (data == _NEWLINE))
        kinds = data[marks]
        sizes = np.diff(marks, prepend=-1) - 1  # bytes of the text before each mark
        last = np.flatnonzero(kinds == _NEWLINE)
        begin = np.concatenate([[0], last[:-1] + 1])  # each line's first mark
        counts = last - begin + 1
        if (data <= _SPACE).sum() != len(last) or (counts < _HEAD).any():
            return None
        features, odd = np.divmod(counts - _HEAD, 2)
        colons = np.flatnonzero(kinds == _COLON)
        if odd.any() or features.sum() != len(colons):
            return None
        line = np.repeat(np.arange(len(last)), features)
        before = np.cumsum(features) - features
        if (colons != (begin + _HEAD - 2 * before)[line] + 2 * np.arange(len(colons))).any():
            return None
        labels = self._labels(data, marks, sizes, begin)
        if labels is None or not (_short(sizes[colons]) and _short(sizes[colons + 1])):
            return None
        # Eight more bytes at the start, so that there is a word before every mark.
        words = np.ndarray((len(block) + 1,), "<u8", bytes(_WORD) + block, strides=(1,))
        ids = _numbers(words[marks[colons + 1]], sizes[colons + 1])
        if ids is None:
            return None
        table = np.zeros((len(last), self._width), np.int32)
        table[:, : len(LABELS)] = labels
        self._place(table, line, _texts(words[marks[colons]], sizes[colons]), ids)
        return table

    def _labels(self, data, marks, sizes, begin) -> np.ndarray | None:
        """Returns click and click-and-buy, ``[lines, 2]``; None if a label is not 0 or 1."""
        places = np.stack([begin + 1, begin + 2], axis=1)
        digits = data[marks[places] - 1]
        if (sizes[places] != 1).any() or not ((digits == _ZERO) | (digits == _ONE)).all():
            return None
        return np.logical_and.accumulate(digits == _ONE, axis=1)

    def _place(self, table, line, names, ids) -> None:
        """Writes the ids of the features into the rows of their lines."""
        if not len(self._names) or not len(ids):
            return
        slot = np.searchsorted(self._names, names)
        slot[slot == len(self._names)] = 0
        known = np.flatnonzero(self._names[slot] == names)
        slot, line, ids = self._order[slot[known]], line[known], ids[known]
        number = _occurrence(line * len(self._names) + slot)
        kept = np.flatnonzero(number < self._max_len[slot])
        table[line[kept], (self._first[slot] + number)[kept]] = ids[kept]


def _short(sizes: np.ndarray) -> bool:
    return bool(((sizes > 0) & (sizes <= _WORD)).all())


def _texts(words: np.ndarray, sizes: np.ndarray) -> np.ndarray:
    """Returns the last ``sizes`` bytes of each word as an integer that identifies the text."""
    return words >> (8 * (_WORD - sizes)).astype("u8")


def _numbers(words: np.ndarray, sizes: np.ndarray) -> np.ndarray | None:
    """Returns the numbers in the last ``sizes`` bytes of each word; None if one is not a number.

    Each byte is a digit. Neighbours are combined to numbers below 100, these to numbers below
    10,000, and so on, in all words at once.
    """
    shift = (8 * (_WORD - sizes)).astype("u8")
    digits = (words >> shift << shift) ^ (np.uint64(0x3030303030303030) >> shift << shift)
    above_nine = digits | (digits + np.uint64(0x7676767676767676))
    if (above_nine & np.uint64(0x8080808080808080)).any():
        return None
    pairs = digits * np.uint64(10) + (digits >> np.uint64(8)) & np.uint64(0x00FF00FF00FF00FF)
    fours = pairs * np.uint64(100) + (pairs >> np.uint64(16)) & np.uint64(0x0000FFFF0000FFFF)
    return fours * np.uint64(10_000) + (fours >> np.uint64(32)) & np.uint64(0xFFFFFFFF)


def _occurrence(keys: np.ndarray) -> np.ndarray:
    """Returns for each key the number of equal keys before it."""
    number = np.zeros(len(keys), np.int64)
    several = np.flatnonzero((np.bincount(keys) > 1)[keys])
    if len(several):
        several = several[np.argsort(keys[several], kind="stable")]
        ordered = keys[several]
        begins = np.flatnonzero(np.diff(ordered, prepend=-1))
        lengths = np.diff(begins, append=len(ordered))
        number[several] = np.arange(len(ordered)) - np.repeat(begins, lengths)
    return number
