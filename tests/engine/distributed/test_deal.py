"""Every row is dealt out once, however many processes there are and wherever they begin."""

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
    """Whole batches, of one row, of two, and so on."""

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
    """A process's batches of an epoch: those rows that count, its share and everyone's."""
    found = []
    for step, batch in enumerate(source.batches(epoch)):
        own, total = source.row_counts(epoch, step)
        rows = np.asarray(batch[0]).reshape(-1)
        assert len(rows) == (own or len(rows)), "a batch has the rows that it is said to have"
        found.append((rows[:own].tolist(), own, total))
    return found


def made(kind, rows, size, shares, seed=5):
    if kind is Blocks:
        return BlockSource(Blocks(rows), "reader", size, seed, shares)
    size = None if kind is Batches else size
    return RowSource(kind(rows), "reader", size, seed, shares=shares)


@pytest.mark.parametrize("kind", [Blocks, Rows, Stream, Batches])
@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize(("ranks", "size", "rows"), [(1, 4, 10), (2, 4, 57), (3, 2, 7), (5, 3, 4)])
@pytest.mark.parametrize("begun", [0, 5])
def test_every_row_once_in_the_order_of_one_process(kind, whole, ranks, size, rows, begun):
    if begun >= rows:
        begun = rows - 1
    sources = [made(kind, rows, size, RowShares(rank, ranks, whole)) for rank in range(ranks)]
    if begun and kind is not Batches:
        for source in sources:
            source.skip_rows(3, begun)
    taken = [steps(source, 3) for source in sources]
    assert len({len(each) for each in taken}) == 1, "all take the same number of steps"
    in_order = []
    for together in zip(*taken):
        totals = {total for _, _, total in together}
        assert totals == {sum(own for _, own, _ in together)}
        in_order += [row for own, _, _ in together for row in own]
    alone = made(kind, rows, size, RowShares())
    expected = [row for batch, _, _ in steps(alone, 3) for row in batch]
    assert in_order == (expected if kind is Batches else expected[begun:])
    if not begun and kind in (Blocks, Rows):
        assert len(sources[0]) == len(taken[0])


def test_a_last_step_is_parted_evenly_to_train_and_in_batches_to_evaluate():
    own = [RowShares(rank, 3).part(8, 4) for rank in range(3)]
    assert [each.stop - each.start for each in own] == [2, 3, 3]
    own = [RowShares(rank, 3, whole=True).part(8, 4) for rank in range(3)]
    assert [each.stop - each.start for each in own] == [4, 4, 0]


def test_an_incomplete_last_step_can_be_left_out():
    deals = [RowShares(rank, 2) for rank in range(2)]
    sources = [RowSource(Rows(11), "reader", 2, None, True, shares) for shares in deals]
    assert [len(source) for source in sources] == [2, 2]
    assert [steps(source, 0) for source in sources] == [
        [([0, 1], 2, 4), ([4, 5], 2, 4)],
        [([2, 3], 2, 4), ([6, 7], 2, 4)],
    ]
    few = [RowSource(Rows(3), "reader", 2, None, True, shares) for shares in deals]
    assert [steps(source, 0) for source in few] == [[([0], 1, 3)], [([1, 2], 2, 3)]]


def test_all_rows_come_where_no_epoch_is_named():
    """What is fitted to the data is fitted to all of them."""
    for kind in (Blocks, Rows):
        source = made(kind, 10, 4, RowShares(1, 2))
        assert np.concatenate([block[0].reshape(-1) for block in source.blocks()]).tolist() == list(
            range(10)
        )
