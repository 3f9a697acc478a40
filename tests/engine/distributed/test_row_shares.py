"""Rows of each step are divided among processes: every row once, in the order of one process."""

import numpy as np
import pytest
from paddle.io import Dataset, IterableDataset

from engine.data.block_source import BlockSource
from engine.data.row_source import RowSource
from engine.distributed.row_shares import RowShares


class Blocks:
    def __init__(self, rows):
        self._rows = rows

    def __len__(self):
        return self._rows

    def take(self, rows):
        return [np.arange(self._rows)[rows]]


class Rows(Dataset):
    def __init__(self, rows):
        self._rows = rows

    def __len__(self):
        return self._rows

    def __getitem__(self, row):
        return [row]


class Stream(IterableDataset):
    def __init__(self, rows):
        self._rows = rows

    def __iter__(self):
        return iter([row] for row in range(self._rows))


class Batches(IterableDataset):
    """Yields batches of one row, two rows, and so on."""

    def __init__(self, rows):
        self._rows = rows

    def __iter__(self):
        first = 0
        for size in range(1, self._rows):
            if first >= self._rows:
                return
            yield [np.arange(first, min(first + size, self._rows))]
            first += size


def steps(source, epoch):
    """Returns an epoch's steps of a process: its counting rows, their number, and all rows."""
    result = []
    for step, batch in enumerate(source.batches(epoch)):
        own, total = source.row_counts(epoch, step)
        rows = np.asarray(batch[0]).reshape(-1)
        assert len(rows) == (own or len(rows)), "a batch has as many rows as row_counts says"
        result.append((rows[:own].tolist(), own, total))
    return result


def make_source(kind, rows, size, shares, seed=5):
    if kind is Blocks:
        return BlockSource(Blocks(rows), "reader", size, seed, shares)
    size = None if kind is Batches else size
    return RowSource(kind(rows), "reader", size, seed, shares=shares)


@pytest.mark.parametrize("kind", [Blocks, Rows, Stream, Batches])
@pytest.mark.parametrize("full_batches", [False, True])
@pytest.mark.parametrize(("ranks", "size", "rows"), [(1, 4, 10), (2, 4, 57), (3, 2, 7), (5, 3, 4)])
@pytest.mark.parametrize("skipped", [0, 5])
def test_every_row_once_in_the_order_of_one_process(kind, full_batches, ranks, size, rows, skipped):
    skipped = min(skipped, rows - 1)
    shares = [RowShares(rank, ranks, full_batches) for rank in range(ranks)]
    sources = [make_source(kind, rows, size, each) for each in shares]
    if skipped and kind is not Batches:
        for source in sources:
            source.skip_rows(3, skipped)
    taken = [steps(source, 3) for source in sources]
    assert len({len(each) for each in taken}) == 1, "all processes take the same number of steps"
    in_order = []
    for together in zip(*taken):
        totals = {total for _, _, total in together}
        assert totals == {sum(own for _, own, _ in together)}
        in_order += [row for own, _, _ in together for row in own]
    alone = make_source(kind, rows, size, RowShares())
    expected = [row for batch, _, _ in steps(alone, 3) for row in batch]
    assert in_order == (expected if kind is Batches else expected[skipped:])
    if not skipped and kind in (Blocks, Rows):
        assert len(sources[0]) == len(taken[0])


def test_the_last_step_is_divided_evenly_in_training_and_by_batches_in_evaluation():
    parts = [RowShares(rank, 3).part(8, 4) for rank in range(3)]
    assert [each.stop - each.start for each in parts] == [2, 3, 3]
    parts = [RowShares(rank, 3, full_batches=True).part(8, 4) for rank in range(3)]
    assert [each.stop - each.start for each in parts] == [4, 4, 0]


def test_an_incomplete_last_step_can_be_left_out():
    shares = [RowShares(rank, 2) for rank in range(2)]
    sources = [RowSource(Rows(11), "reader", 2, None, True, each) for each in shares]
    assert [len(source) for source in sources] == [2, 2]
    assert [steps(source, 0) for source in sources] == [
        [([0, 1], 2, 4), ([4, 5], 2, 4)],
        [([2, 3], 2, 4), ([6, 7], 2, 4)],
    ]
    few = [RowSource(Rows(3), "reader", 2, None, True, each) for each in shares]
    assert [steps(source, 0) for source in few] == [[([0], 1, 3)], [([1, 2], 2, 3)]]


def test_without_an_epoch_each_process_gets_all_rows():
    """Inputs are fitted to all of them."""
    for kind in (Blocks, Rows):
        source = make_source(kind, 10, 4, RowShares(1, 2))
        assert np.concatenate([block[0].reshape(-1) for block in source.blocks()]).tolist() == list(
            range(10)
        )
