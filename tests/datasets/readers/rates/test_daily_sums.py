"""Rates by key and day: against a loop over all pairs of rows, and which labels a row sees."""

import numpy as np
import pytest

from datasets.readers.rates.daily_sums import NEVER, NONE, DailySums


def table(rows, seed=0):
    """Keys (some missing), days (some missing) and two labels: one binary, one number."""
    draw = np.random.default_rng(seed)
    key = draw.choice([NONE, 3, 8, 2**62, 1000], rows)
    day = draw.choice([20220430, 20220501, -7, NEVER], rows, p=[0.3, 0.3, 0.3, 0.1])
    labels = np.stack([draw.random(rows) < 0.4, draw.integers(0, 64, rows) / 8], axis=1)
    labels[draw.random(labels.shape) < 0.2] = np.nan
    return key, day, labels


def by_a_loop(train, key, day, smoothing, sees):
    """The same rates, row by row, from the rows that each row sees."""
    found = []
    for row_key, row_day in zip(key, day):
        seen = [
            (each, label)
            for each, its_day, label in zip(*train)
            if each != NONE and its_day != NEVER and sees(its_day, row_day)
        ]
        own = [label for each, label in seen if each == row_key]
        rates = []
        for column in range(train[2].shape[1]):
            every = [label[column] for _, label in seen if label[column] == label[column]]
            mine = [label[column] for label in own if label[column] == label[column]]
            mean = sum(every) / len(every) if every else 0
            smoothed = (sum(mine) + smoothing * mean) / (len(mine) + smoothing) if mine else mean
            rates.append(smoothed - mean)
        found.append([np.log(1 + len(own)), *rates])
    return np.array(found)


@pytest.mark.parametrize("smoothing", [0, 20, 2.5])
def test_rates_are_those_of_a_loop_over_all_rows(smoothing):
    train = table(60)
    sums = DailySums.of(*train)
    other = by_a_loop(train, *train[:2], smoothing, lambda its, own: its != own)
    np.testing.assert_allclose(sums.other_days(*train[:2], smoothing), other, atol=1e-12)
    key, day, _ = table(40, seed=1)
    key[:4], day[4:8] = [5, -9, 2**62 + 1, 0], [20220499, -8, 20230101, -6]  # none of the training
    earlier = by_a_loop(train, key, day, smoothing, lambda its, own: its < own)
    np.testing.assert_allclose(sums.earlier_days(key, day, smoothing), earlier, atol=1e-12)
    assert np.ptp(other[:, 1:]) > 0.1
    assert np.ptp(earlier[:, 1:]) > 0.1


def test_rates_by_hand():
    """User 7 clicks on 1 of 2 rows of day 1 and on 3 of 3 of day 2; user 9 on 0 of 5 of day 2."""
    key = np.array([7, 7, 7, 7, 7, 9, 9, 9, 9, 9])
    day = np.array([1, 1, 2, 2, 2, 2, 2, 2, 2, 2])
    sums = DailySums.of(key, day, np.array([[1, 0, 1, 1, 1, 0, 0, 0, 0, 0.0]]).T)
    found = sums.other_days(key, day, 1)
    mean = 3 / 8  # of day 2
    assert found[0] == pytest.approx([np.log(4), (3 + mean) / 4 - mean])
    assert found[2] == pytest.approx([np.log(3), (1 + 0.5) / 3 - 0.5])  # of day 1
    assert found[5] == pytest.approx([0, 0])  # user 9 has no row on day 1
    later = sums.earlier_days(np.array([7, 9, 5]), np.array([3, 3, 3]), 1)
    mean = 4 / 10
    assert later[0] == pytest.approx([np.log(6), (4 + mean) / 6 - mean])
    assert later[1] == pytest.approx([np.log(6), mean / 6 - mean])
    assert later[2] == pytest.approx([0, 0])


def test_a_label_changes_only_rows_of_other_days_and_only_later_rows():
    """One label at a time: no row's rates depend on its own label or on one of its day."""
    key, day, labels = table(80, seed=2)
    labels = np.nan_to_num(labels[:, :1])  # sums of 0 and 1 are exact
    before = DailySums.of(key, day, labels)
    for row in np.flatnonzero((key != NONE) & (day != NEVER))[:25]:
        changed = labels.copy()
        changed[row] = 1 - changed[row]
        after = DailySums.of(key, day, changed)
        for name, sees in (("other_days", day != day[row]), ("earlier_days", day > day[row])):
            old, new = (getattr(sums, name)(key, day, 3) for sums in (before, after))
            differs = (old != new).any(axis=1)
            assert not differs[~sees].any()
            assert differs[sees & (key == key[row])].all()


def test_parts_are_joined_and_no_rows_give_no_rates():
    key, day, labels = table(70, seed=3)
    whole = DailySums.of(key, day, labels)
    pieces = [slice(0, 5), slice(5, 5), slice(5, 40), slice(40, 70)]
    joined = DailySums.joined([DailySums.of(key[p], day[p], labels[p]) for p in pieces])
    for name in ("keys", "days", "cells", "values"):
        np.testing.assert_array_equal(getattr(joined, name), getattr(whole, name))
    empty = DailySums.of(key[:0], day[:0], labels[:0])
    assert not empty.earlier_days(key, day, 20).any()
    assert not empty.other_days(key, day, 0).any()
