"""A thread prepares the next item while the current one is used."""

import threading

import pytest

from engine.data.prefetch import prefetched


def test_the_next_item_is_prepared_in_the_meantime():
    made = [threading.Event() for _ in range(4)]

    def items():
        for number, event in enumerate(made):
            event.set()
            yield number

    found = []
    for item in prefetched(items()):
        found.append(item)
        assert made[min(item + 1, 3)].wait(timeout=30)
        assert not any(event.is_set() for event in made[item + 2 :])
    assert found == [0, 1, 2, 3]


def test_no_items():
    assert list(prefetched(iter(()))) == []


def test_an_exception_is_raised_in_place_of_its_item():
    def items():
        yield 1
        raise ValueError("not a row")

    found = prefetched(items())
    assert next(found) == 1
    with pytest.raises(ValueError, match="not a row"):
        next(found)


def test_the_thread_ends():
    before = threading.active_count()
    found = prefetched(iter(range(100)))
    assert next(found) == 0
    found.close()
    assert threading.active_count() == before
