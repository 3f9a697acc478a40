"""A thread makes the next item while this one is used."""

import threading

import pytest

from engine.system.prefetch import prefetched


def test_the_next_item_is_made_meanwhile():
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


def test_nothing_comes_of_nothing():
    assert list(prefetched(iter(()))) == []


def test_an_error_comes_where_its_item_would():
    def items():
        yield 1
        raise ValueError("a line that is none")

    found = prefetched(items())
    assert next(found) == 1
    with pytest.raises(ValueError, match="a line that is none"):
        next(found)


def test_no_thread_is_left_behind():
    before = threading.active_count()
    found = prefetched(iter(range(100)))
    assert next(found) == 0
    found.close()
    assert threading.active_count() == before
