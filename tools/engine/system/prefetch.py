"""The next block of rows is prepared while training works on this one."""

from __future__ import annotations

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

Item = TypeVar("Item")

_END = object()


def ahead(items: Iterator[Item]) -> Iterator[Item]:
    """Yields items, of which a thread of its own makes each next one meanwhile.

    What making one raises is raised here, where it would have been without the thread.
    """
    with ThreadPoolExecutor(1, thread_name_prefix="ahead") as thread:
        made = thread.submit(next, items, _END)
        while (item := made.result()) is not _END:
            made = thread.submit(next, items, _END)
            yield item
