"""Shards of a dataset: each row belongs to one trainer, for every kind of reader."""

import numpy as np
import pytest
from paddle.io import Dataset, IterableDataset

from engine.data.block_source import BlockSource
from engine.data.row_source import RowSource
from engine.parameter_servers.dataset_shards import shard

ROWS = 23


class Blocks:
    def __len__(self):
        return ROWS

    def take(self, rows):
        return [np.arange(ROWS)[rows], np.arange(ROWS)[rows] * 2]

    def place(self, row):
        return f"file:{row}"


class Rows(Dataset):
    def __len__(self):
        return ROWS

    def __getitem__(self, row):
        return [row, row * 2]


class Stream(IterableDataset):
    def __iter__(self):
        return iter([row, row * 2] for row in range(ROWS))


def read_rows(source, epoch):
    batches = list(source.batches(epoch))
    for first, second in batches:
        np.testing.assert_array_equal(first * 2, second)
    return np.concatenate([first for first, _ in batches]).tolist()


@pytest.mark.parametrize("trainers", [1, 2, 3, 5])
@pytest.mark.parametrize("seed", [None, 7])
@pytest.mark.parametrize("kind", [Blocks, Rows, Stream])
def test_shards_divide_all_rows(kind, seed, trainers):
    source = BlockSource if kind is Blocks else RowSource
    for epoch in (0, 1):
        shards = [
            read_rows(source(shard(kind(), index, trainers), "reader", 4, seed), epoch)
            for index in range(trainers)
        ]
        assert sorted(row for rows in shards for row in rows) == list(range(ROWS))
        assert max(map(len, shards)) - min(map(len, shards)) <= 1


def test_the_order_depends_on_seed_and_epoch():
    source = BlockSource(shard(Blocks(), 1, 2), "reader", 4, 7)
    assert read_rows(source, 0) == read_rows(source, 0) != read_rows(source, 1)


def test_places_refer_to_the_complete_data():
    assert shard(Blocks(), 1, 3).place(2) == "file:7"


def test_slices_of_a_shard():
    part = shard(Blocks(), 1, 3)
    assert part.take(slice(2, 5))[0].tolist() == [7, 10, 13]
    assert part.take(slice(0, len(part)))[0].tolist() == list(range(1, ROWS, 3))
