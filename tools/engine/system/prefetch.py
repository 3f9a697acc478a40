"""Prefetching: a thread prepares the next block of rows during the training steps on this one."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")

_END = object()


def prefetched(items: Iterator[Item]) -> Iterator[Item]:
    """Yields items; a thread prepares each next item while the caller uses this one.

    An error in the thread is raised here, at the item where it happened.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="prefetch") as thread:
        made = thread.submit(next, items, _END)
        while (item := made.result()) is not _END:
            made = thread.submit(next, items, _END)
            yield item
