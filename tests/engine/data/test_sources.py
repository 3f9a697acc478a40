"""Batches: every row once an epoch, in an order from seed and epoch; errors name the reader."""

import numpy as np
import pytest
from paddle.io import DataLoader, Dataset, IterableDataset
from paddle.utils import flatten

from engine.data.batch import batch_rows
from engine.data.block_source import BlockSource
from engine.data.row_source import RowSource
from engine.data.sources import open_source
from engine.distributed.row_shares import RowShares
from engine.system.errors import UserError


class Blocks(IterableDataset):
    """Row ``i`` has the float features ``[i, i]`` and the integer label ``[i]``; read in blocks."""

    def __init__(self, rows):
        super().__init__()
        self.number = np.arange(rows)
        self.taken = []

    def __len__(self):
        return len(self.number)

    def take(self, rows):
        number = self.number[rows]
        self.taken.append(len(number))
        return [np.stack([number, number], axis=1).astype("f4"), number[:, None]]


class Map(Dataset):
    """The same rows, read one by one in any order."""

    def __init__(self, rows):
        super().__init__()
        self.rows = rows

    def __len__(self):
        return self.rows

    def __getitem__(self, row):
        return [np.full(2, row, "f4"), np.array([row])]


class Stream(IterableDataset):
    """The same rows, read one by one in their own order only."""

    def __init__(self, rows):
        super().__init__()
        self.rows = rows

    def __iter__(self):
        for row in range(self.rows):
            yield [np.full(2, row, "f4"), np.array([row])]


ORDERED = [Blocks, Map]  # datasets that the engine can shuffle
ALL = [*ORDERED, Stream]


def source(dataset, batch_size=4, seed=None):
    return open_source(dataset, "some_reader", batch_size, seed)


def labels(batches):
    return [int(row) for _, column in batches for row in column[:, 0]]


@pytest.mark.parametrize(
    ("dataset", "kind"), [(Blocks, BlockSource), (Map, RowSource), (Stream, RowSource)]
)
def test_a_dataset_is_read_in_blocks_if_possible(dataset, kind):
    assert type(source(dataset(3))) is kind


def test_blocks_without_a_length_are_read_by_row():
    class Endless(Stream):
        def take(self, rows):
            raise AssertionError

    assert labels(source(Endless(5)).batches(0)) == list(range(5))


@pytest.mark.parametrize("seed", [None, 7])
@pytest.mark.parametrize("rows", [1, 3, 4, 5, 8, 10_001])
@pytest.mark.parametrize("dataset", ALL)
def test_every_row_once_including_the_last_partial_batch(dataset, rows, seed):
    batches = list(source(dataset(rows), 4, seed).batches(3))
    assert sorted(labels(batches)) == list(range(rows))
    sizes = [len(features) for features, _ in batches]
    assert sizes == [4] * (rows // 4) + ([rows % 4] if rows % 4 else [])
    for features, label in batches:
        assert (features == label).all()  # the fields of a row stay together


@pytest.mark.parametrize("dataset", ORDERED)
@pytest.mark.parametrize(("rows", "batches"), [(1, 1), (4, 1), (5, 2), (8, 2)])
def test_the_number_of_batches(dataset, rows, batches):
    assert len(source(dataset(rows))) == batches == len(list(source(dataset(rows)).batches(0)))


def test_the_number_of_batches_of_a_stream_is_unknown():
    with pytest.raises((TypeError, RuntimeError)):
        len(source(Stream(5)))


@pytest.mark.parametrize("dataset", ALL)
def test_without_a_seed_rows_keep_the_order_of_the_files(dataset):
    for epoch in (0, 1):
        assert labels(source(dataset(50)).batches(epoch)) == list(range(50))


@pytest.mark.parametrize("dataset", ORDERED)
def test_the_order_is_a_function_of_seed_and_epoch(dataset):
    def order(seed, epoch):
        return labels(source(dataset(100), 8, seed).batches(epoch))

    assert order(1, 0) == order(1, 0)
    orders = [tuple(order(seed, epoch)) for seed in (1, 2) for epoch in (0, 1, 2)]
    assert len({*orders, tuple(range(100))}) == 7


@pytest.mark.parametrize("dataset", ORDERED)
def test_the_order_does_not_depend_on_earlier_epochs(dataset):
    used = source(dataset(100), 8, 5)
    for epoch in (0, 1):
        list(used.batches(epoch))
    np.random.seed(99)
    assert labels(used.batches(2)) == labels(source(dataset(100), 8, 5).batches(2))


def test_blocks_and_rows_are_shuffled_alike():
    """A reader that is changed to return blocks trains on the same batches."""
    orders = [labels(source(dataset(5000), 32, 3).batches(1)) for dataset in ORDERED]
    assert orders[0] == orders[1]


def test_a_stream_is_not_shuffled():
    assert labels(source(Stream(20), 4, 7).batches(1)) == list(range(20))


@pytest.mark.parametrize("dataset", ALL)
def test_blocks_without_an_epoch_are_in_file_order(dataset):
    """Inputs are fitted to them, independently of the shuffling."""
    assert labels(source(dataset(30), 4, 7).blocks()) == list(range(30))


@pytest.mark.parametrize("batch_size", [1, 32, 1000, 5000])
def test_blocks_contain_full_batches(batch_size):
    dataset = Blocks(12_345)
    sizes = [len(block[0]) for block in source(dataset, batch_size).blocks(0)]
    assert sizes == dataset.taken
    assert sum(sizes) == 12_345
    assert all(size % batch_size == 0 for size in sizes[:-1])
    assert max(sizes) <= max(4096, batch_size)


@pytest.mark.parametrize("dataset", ALL)
def test_a_dataset_without_rows_is_an_error(dataset):
    """Otherwise a run would save a checkpoint without training."""
    with pytest.raises(UserError, match=r"^some_reader: the data contain no rows$"):
        list(source(dataset(0)).batches(0))


def test_a_stream_that_can_be_read_only_once_fails_in_the_second_epoch():
    class Once(Stream):
        def __init__(self, rows):
            super().__init__(rows)
            self.only = super().__iter__()

        def __iter__(self):
            return self.only

    once = source(Once(5))
    assert labels(once.batches(0)) == list(range(5))
    with pytest.raises(UserError, match="no rows"):
        list(once.batches(1))


@pytest.mark.parametrize(
    ("rows", "expected"),
    [
        ([1.5, 2.5], [np.array([1.5, 2.5])]),
        ([1, 2], [np.array([1, 2])]),
        ([[1, 0.5], [2, 1.5]], [np.array([1, 2]), np.array([0.5, 1.5])]),
        ([(1, [2, 3]), (4, [5, 6])], [np.array([1, 4]), [np.array([2, 5]), np.array([3, 6])]]),
        ([np.zeros(3, "f4"), np.ones(3, "f4")], [np.array([[0, 0, 0], [1, 1, 1]], "f4")]),
        ([[np.float32(1)], [np.float32(2)]], [np.array([1, 2], "f4")]),
    ],
    ids=["floats", "integers", "lists", "tuples", "arrays", "scalars"],
)
def test_rows_may_be_scalars_lists_or_arrays(rows, expected):
    """Batches equal those of Paddle's DataLoader."""
    (columns,) = source(Given(rows)).batches(0)
    assert len(columns) == len(expected)
    (tensors,) = DataLoader(Given(rows), batch_size=4)
    for column, tensor in zip(flatten(columns), flatten(tensors)):
        np.testing.assert_array_equal(column, tensor.numpy())
    for column, wanted in zip(flatten(columns), flatten(expected)):
        assert column.dtype == wanted.dtype
        np.testing.assert_array_equal(column, wanted)


@pytest.mark.parametrize("dtype", ["f4", "f8", "i4", "i8", "u1", "?"])
@pytest.mark.parametrize("seed", [None, 1])
def test_dtypes_are_kept(dtype, seed):
    class Typed(Map):
        def __getitem__(self, row):
            return [np.array([row], dtype)]

    class TypedBlocks(Blocks):
        def take(self, rows):
            return [self.number[rows].astype(dtype)]

    for dataset in (Typed(3), TypedBlocks(3)):
        for (column,) in source(dataset, 2, seed).batches(0):
            assert column.dtype == np.dtype(dtype)


# Readers that raise


class BadTake(Blocks):
    def take(self, rows):
        raise KeyError("income")


class BadRow(Map):
    def __getitem__(self, row):
        if row == 5:
            raise KeyError("income")
        return super().__getitem__(row)


class BadLater(Stream):
    def __iter__(self):
        yield from list(super().__iter__())[:5]
        raise KeyError("income")


class BadStart(Stream):
    def __iter__(self):  # no generator: raises when asked for an iterator
        raise KeyError("income")


@pytest.mark.parametrize("dataset", [BadTake, BadRow, BadLater, BadStart])
def test_an_exception_of_a_reader_names_the_reader(dataset):
    with pytest.raises(
        UserError, match=r"^some_reader: KeyError: 'income' \(test_sources\.py, line \d+\)$"
    ):
        list(source(dataset(9)).batches(0))


def test_batches_before_the_exception_arrive():
    batches = source(BadLater(9)).batches(0)
    assert len(next(batches)[0]) == 4
    with pytest.raises(UserError):
        next(batches)


def test_a_value_error_is_shown_without_its_class():
    """Readers report wrong lines by a ValueError."""

    class BadLine(Blocks):
        def take(self, rows):
            raise ValueError("data.txt:3: expected 5 numbers, found 4")

    with pytest.raises(UserError) as caught:
        list(source(BadLine(9)).batches(0))
    assert str(caught.value) == "some_reader: data.txt:3: expected 5 numbers, found 4"


def test_a_user_error_is_not_changed():
    class Refuses(Blocks):
        def take(self, rows):
            raise UserError("unchanged")

    with pytest.raises(UserError, match=r"^unchanged$"):
        list(source(Refuses(9)).batches(0))


@pytest.mark.parametrize(
    ("rows", "problem"),
    [
        ([[1, 2], [3]], "rows of one batch have 1 and 2 fields; expected the same number"),
        ([[1], [2, 3]], "rows of one batch have 1 and 2 fields; expected the same number"),
        ([np.zeros(2), np.zeros(3)], "same shape"),
    ],
)
def test_rows_of_different_shapes(rows, problem):
    with pytest.raises(UserError, match=f"^some_reader: .*{problem}"):
        list(source(Given(rows)).batches(0))


def test_a_dataset_without_length_or_rows():
    class Nothing(Dataset):
        pass

    with pytest.raises(UserError, match=r"^some_reader: "):
        list(source(Nothing()).batches(0))


# Readers of folders written for PaddleRec


class Given(IterableDataset):
    """Yields the given items."""

    def __init__(self, items):
        super().__init__()
        self.items = items

    def __iter__(self):
        return iter(self.items)


def test_rows_that_are_mappings():
    rows = [{"ids": np.array([1, 2]), "label": 0}, {"ids": np.array([3, 4]), "label": 1}]
    (batch,) = source(Given(rows)).batches(0)
    assert batch["ids"].tolist() == [[1, 2], [3, 4]]
    assert batch["label"].tolist() == [0, 1]
    assert batch_rows(batch) == 2


@pytest.mark.parametrize("dataset", [Map, Stream])
@pytest.mark.parametrize(("rows", "kept"), [(9, 8), (8, 8), (3, 3), (1, 1)])
def test_the_last_partial_batch_can_be_left_out_unless_it_is_the_only_one(dataset, rows, kept):
    dropping = RowSource(dataset(rows), "some_reader", 4, None, drop_last=True)
    assert labels(dropping.batches(0)) == list(range(kept))
    if dataset is Map:
        assert len(dropping) == len(list(dropping.batches(0)))


@pytest.mark.parametrize("seed", [None, 3])
@pytest.mark.parametrize(("rows", "kept"), [(9, 8), (8, 8), (3, 3), (5000, 5000), (5003, 5000)])
def test_the_last_partial_step_of_a_reader_of_blocks_can_be_left_out(seed, rows, kept):
    """By two processes too: their steps have 8 rows."""
    one = BlockSource(Blocks(rows), "some_reader", 4, seed, drop_last=True)
    order = np.arange(rows) if seed is None else np.random.default_rng([seed, 1]).permutation(rows)
    batches = [columns[1].reshape(-1) for columns in one.batches(1)]
    assert [len(batch) for batch in batches] == [min(4, rows)] * len(one)
    np.testing.assert_array_equal(np.concatenate(batches), order[:kept])
    assert one.row_counts(1, len(one) - 1) == (min(4, rows),) * 2
    assert sum(len(block[0]) for block in one.blocks()) == rows  # inputs are fitted to all rows
    two = [
        BlockSource(Blocks(rows), "r", 4, seed, RowShares(rank, 2), drop_last=True)
        for rank in (0, 1)
    ]
    if rows >= 8:
        found = np.concatenate(
            [columns[1].reshape(-1) for each in two for columns in each.batches(1)]
        )
        np.testing.assert_array_equal(np.sort(found), np.sort(order[: rows - rows % 8]))
        assert len(two[0]) == rows // 8


def test_a_run_that_resumes_inside_an_epoch_leaves_out_the_same_rows():
    whole = BlockSource(Blocks(21), "some_reader", 4, 3, drop_last=True)
    rest = BlockSource(Blocks(21), "some_reader", 4, 3, drop_last=True)
    rest.skip_rows(0, 8)
    expected = [batch[1].tolist() for batch in whole.batches(0)][2:]
    assert [batch[1].tolist() for batch in rest.batches(0)] == expected
    assert len(expected) == 3


def test_a_reader_that_yields_batches():
    batches = [[np.zeros([3, 2]), [0, 1, 2]], (np.ones([1, 2]), [3])]
    found = list(RowSource(Given(batches), "some_reader", None, None).batches(0))
    assert [batch_rows(batch) for batch in found] == [3, 1]
    assert found[0][1].tolist() == [0, 1, 2]


@pytest.mark.parametrize("size", [4, None])
def test_a_field_of_different_lengths(size):
    ragged = np.array([[1], [2, 3]], dtype=object)
    with pytest.raises(
        UserError, match="a field has different lengths in a batch: pad its lists to one length"
    ):
        list(RowSource(Given([[ragged]]), "some_reader", size, None).batches(0))
