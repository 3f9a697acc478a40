"""Where the values of saved arrays go in larger ones, compared with loops over single places."""

from types import SimpleNamespace

import numpy as np
import pytest

from engine.checkpoints import growing


def block(start, size, old_start=0, old_size=0, reset=()):
    return SimpleNamespace(
        start=start, size=size, old_start=old_start, old_size=old_size, reset=reset
    )


BLOCKS = [block(0, 5, 0, 3, [1]), block(5, 2), block(7, 4, 3, 4)]
# The old place of each new one; -1 for a fresh one.
SOURCES = [0, -1, 2, -1, -1, -1, -1, 3, 4, 5, 6]


@pytest.mark.parametrize("axes", [(0,), (1,), (0, 1)])
def test_values_move_with_their_blocks(axes):
    old, new = (np.random.default_rng(seed).normal(size=(7, 7)) for seed in (1, 2))
    new = np.pad(new, [(0, 4 * (axis in axes)) for axis in (0, 1)], constant_values=9.0)
    expected = new.copy()
    for row in range(new.shape[0]):
        for column in range(new.shape[1]):
            source = [
                SOURCES[place] if axis in axes else place
                for axis, place in enumerate((row, column))
            ]
            if -1 not in source:
                expected[row, column] = old[tuple(source)]
    move = SimpleNamespace(axes=dict.fromkeys(axes, BLOCKS))
    np.testing.assert_array_equal(growing.moved(old, new, move), expected)


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ("random", [0, 7, 2, 7, 7, 7, 7, 3, 4, 5, 6]),
        ("zeros", [0, 0, 2, 0, 0, 0, 0, 3, 4, 5, 6]),
        # Of the kept rows of a block but the first, which is that of unknown values.
        ("mean", [0, 2, 2, 2, 2, 0, 0, 3, 4, 5, 6]),
    ],
)
def test_new_rows_of_a_table(rows, expected):
    move = SimpleNamespace(axes={0: BLOCKS})
    table = growing.moved(np.arange(7.0)[:, None], np.full((11, 1), 7.0), move)
    growing.fill_rows(table, move, rows)
    assert table[:, 0].tolist() == expected
