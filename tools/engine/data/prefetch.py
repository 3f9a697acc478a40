"""Prefetching: a thread prepares the next block of rows while the current one is used."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")

_END = object()


def prefetched(items: Iterator[Item]) -> Iterator[Item]:
    """Yields items; a thread prepares each next item while the caller uses this one.

    An exception in the thread is raised here, in place of the item.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="prefetch") as thread:
        future = thread.submit(next, items, _END)
        while (item := future.result()) is not _END:
            future = thread.submit(next, items, _END)
            yield item
