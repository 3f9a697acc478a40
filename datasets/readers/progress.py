"""Reports the progress of reading as records of the logger ``progress``; commands show them.

The message of a record is a title. Its attribute ``progress`` is a tuple: what is done, the total
or None, and the unit. At the end, what is done is None.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager

_logger = logging.getLogger("progress")
_work = ["parsing"]  # what the bytes are read for, and before it what that is a part of


def report(path: str, done: int | None, total: int | None = None, unit: str = "bytes") -> None:
    """Reports how much of a file is read.

    Args:
        path: the file.
        done: the part that is read; None at the end.
        total: all of it; None if unknown.
        unit: the unit of both.
    """
    if _logger.isEnabledFor(logging.DEBUG):
        _logger.debug("%s %s", _work[-1], path, extra={"progress": (done, total, unit)})


@contextmanager
def titled(work: str) -> Iterator[None]:
    """Names the work for which files are read in the block, such as ``checking``."""
    _work.append(work)
    try:
        yield
    finally:
        _work.pop()
