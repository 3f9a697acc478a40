"""Waiting requests are joined; each answer has the rows of its request."""

import asyncio

import numpy as np
import pytest

from engine.serving.batcher import Batcher, ModelError


def plus_one(arrays):
    """A model of one input: each number and 1, and each row's sum."""
    (array,) = arrays
    if (array < 0).any():
        raise ValueError("a negative number")
    return [array + 1, array.sum(axis=1)]


class Recorder:
    """A model that keeps its inputs."""

    def __init__(self, run=plus_one):
        self.run, self.batches = run, []

    def __call__(self, arrays):
        self.batches.append([array.copy() for array in arrays])
        return self.run(arrays)

    @property
    def rows(self):
        return [len(arrays[0]) for arrays in self.batches]


@pytest.fixture
def batcher(request):
    """Makes batchers; ends them all."""
    made = []

    def make(run, max_batch_size=8, max_delay=0.0, **options):
        made.append(Batcher(run, max_batch_size, max_delay, **options))
        made[-1].start()
        return made[-1]

    yield make
    for one in made:
        one.close(60)


def rows(*values, width=2):
    """An input whose rows are filled with one value each."""
    return [np.repeat(np.array(values, "float32")[:, None], width, axis=1)]


def check(arrays, outputs):
    np.testing.assert_array_equal(outputs[0], arrays[0] + 1)
    np.testing.assert_array_equal(outputs[1], arrays[0].sum(axis=1))


def queued(gate, batcher, *groups):
    """Returns the answers of requests that waited together while the model ran another one."""

    async def run():
        gate.shut()
        first = batcher.submit(rows(100), 1)
        await gate.reached()
        waiting = [batcher.submit(arrays, len(arrays[0])) for arrays in groups]
        assert len(batcher) == len(groups)
        gate.open()
        answers = await asyncio.gather(first, *waiting, return_exceptions=True)
        assert len(batcher) == 0
        return answers[1:]

    return asyncio.run(asyncio.wait_for(run(), 120))


def test_waiting_requests_are_joined(gate, batcher):
    model = Recorder()
    groups = [rows(1, 2), rows(3), rows(4, 5, 6)]
    for arrays, outputs in zip(groups, queued(gate, batcher(gate(model)), *groups)):
        check(arrays, outputs)
    assert model.rows == [1, 6]


def test_batches_keep_the_limit_and_the_order(gate, batcher):
    model = Recorder()
    groups = [rows(1, 2, 3), rows(4, 5), rows(6), rows(7, 8, 9, 10), rows(11)]
    for arrays, outputs in zip(groups, queued(gate, batcher(gate(model), 4), *groups)):
        check(arrays, outputs)
    assert [list(batch[0][:, 0]) for batch in model.batches[1:]] == [
        [1, 2, 3],
        [4, 5, 6],
        [7, 8, 9, 10],
        [11],
    ]


def test_a_long_request_is_run_alone_and_in_parts(gate, batcher):
    model = Recorder()
    groups = [rows(1), rows(*range(11)), rows(2)]
    for arrays, outputs in zip(groups, queued(gate, batcher(gate(model), 4), *groups)):
        check(arrays, outputs)
    assert model.rows == [1, 1, 4, 4, 3, 1]


def test_rows_of_other_shapes_are_not_joined(gate, batcher):
    model = Recorder()
    groups = [rows(1), rows(2), rows(3, width=5), rows(4)]
    for arrays, outputs in zip(groups, queued(gate, batcher(gate(model)), *groups)):
        check(arrays, outputs)
    assert model.rows == [1, 2, 1, 1]


def test_only_the_faulty_request_of_a_batch_fails(gate, batcher, caplog):
    model = Recorder()
    groups = [rows(1, 2), rows(-3), rows(4)]
    answers = queued(gate, batcher(gate(model)), *groups)
    check(groups[0], answers[0])
    assert isinstance(answers[1], ModelError)
    check(groups[2], answers[2])
    assert model.rows == [1, 4, 2, 1, 1]
    assert "a batch of 3 requests failed; running each alone" in caplog.text
    assert "the model failed on a request of 1 rows" in caplog.text


def test_outputs_without_one_row_per_input_row_are_not_split(gate, batcher):
    def mean(arrays):
        return [arrays[0].mean(keepdims=True)]

    one, two, three = queued(gate, batcher(gate(mean)), rows(1), rows(3), rows(1, 3))
    assert one[0] == 1
    assert two[0] == 3
    assert isinstance(three, ModelError)


def test_requests_that_cannot_be_joined_run_undivided(gate, batcher):
    model = Recorder(lambda arrays: [arrays[0].mean()])
    answers = queued(gate, batcher(gate(model), 2, joinable=False), rows(1), rows(3), rows(1, 2, 3))
    assert [answer[0] for answer in answers] == [1, 3, 2]
    assert model.rows == [1, 1, 1, 3]


def test_a_request_waits_for_others_but_not_when_the_batch_is_full(batcher):
    model = Recorder()
    one = batcher(model, 4, max_delay=3600)

    async def run():
        return await asyncio.gather(*(one.submit(rows(n, n), 2) for n in (1, 2)))

    asyncio.run(asyncio.wait_for(run(), 120))
    assert model.rows == [4]


def test_cancelled_requests_do_not_disturb_others(gate, batcher):
    one = batcher(gate(plus_one))

    async def run():
        gate.shut()
        first = one.submit(rows(1), 1)
        await gate.reached()
        second, third = one.submit(rows(2), 1), one.submit(rows(3), 1)
        first.cancel()
        second.cancel()
        gate.open()
        return await third

    check(rows(3), asyncio.run(asyncio.wait_for(run(), 120)))


def test_close_answers_the_waiting_requests(gate, batcher):
    one = batcher(gate(plus_one), max_delay=3600)

    async def run():
        futures = [one.submit(rows(n), 1) for n in range(3)]
        assert one.alive
        await asyncio.get_running_loop().run_in_executor(None, one.close)
        assert not one.alive
        return await asyncio.gather(*futures)

    for n, outputs in enumerate(asyncio.run(asyncio.wait_for(run(), 120))):
        check(rows(n), outputs)


def test_answers_that_come_after_the_loop_was_closed(gate, batcher, caplog):
    one = batcher(gate(plus_one))
    gate.shut()

    async def run():
        return one.submit(rows(1), 1)

    asyncio.run(run())
    gate.open()
    one.close(60)
    assert "1 answers were dropped: the server has stopped" in caplog.text


@pytest.mark.parametrize("seed", range(5))
@pytest.mark.parametrize("max_delay", [0.0, 0.001])
def test_many_clients_get_their_own_rows(batcher, seed, max_delay):
    """Each answer belongs to its request, whichever requests are joined."""
    random = np.random.default_rng(seed)
    size = int(random.integers(1, 20))
    seen = []
    model = Recorder()
    one = batcher(model, size, max_delay, observe=lambda rows, seconds: seen.append(rows))

    async def client(seed):
        own = np.random.default_rng(seed)
        for _ in range(10):
            count, width = int(own.integers(1, 30)), int(own.integers(1, 3))
            arrays = [own.random((count, width)).astype("float32")]
            check(arrays, await one.submit(arrays, count))
            if own.random() < 0.3:
                await asyncio.sleep(0)

    async def run():
        await asyncio.gather(*(client([seed, n]) for n in range(30)))

    asyncio.run(asyncio.wait_for(run(), 120))
    assert max(model.rows) <= size
    assert seen == model.rows
