"""Readers written for Paddle's QueueDataset and InMemoryDataset, read as streams of rows.

Such a reader is a ``MultiSlotDataGenerator``: ``generate_sample(line)`` returns what iterates
over samples, each a list of ``(slot, values)``. Paddle runs it as a program of its own between
the file and its C++ dataset; here it is called for each line.
"""

from __future__ import annotations

import gzip
import inspect
import zlib
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import numpy as np
from paddle.io import IterableDataset


def generator_class(module: Any) -> type | None:
    """Returns the class of a module that has ``generate_sample``, or None."""
    for value in vars(module).values():
        own = inspect.isclass(value) and value.__module__ == module.__name__
        if own and hasattr(value, "generate_sample"):
            return value
    return None


class SlotDataset(IterableDataset):
    """Rows of a data generator, one array a slot.

    Args:
        kind: the generator's class; its ``init(config)`` is called where it has one.
        files: the data's files.
        config: the configuration.
    """

    def __init__(self, kind: type, files: Sequence[str], config: Mapping[str, Any]):
        super().__init__()
        self._files = files
        self._generator = kind()
        if hasattr(self._generator, "init"):
            self._generator.init(config)

    def __iter__(self) -> Iterator[list[np.ndarray]]:
        """Yields a row for each sample of each line.

        Raises:
            ValueError: a file is damaged, or the generator cannot use a line; it says which.
        """
        for path in self._files:
            for number, line in enumerate(_lines(path), 1):
                try:
                    samples = list(self._generator.generate_sample(line)())
                    rows = [[_array(values) for _, values in sample] for sample in samples]
                except ValueError as error:
                    raise ValueError(f"{path}:{number}: {error}") from error
                except LookupError as error:
                    kind = type(error).__name__
                    raise ValueError(f"{path}:{number}: {kind}: {error}") from error
                yield from rows


def _lines(path: str) -> Iterator[str]:
    """Yields a text file's lines; one whose name ends in ``.gz`` is decompressed."""
    opener = gzip.open if path.lower().endswith(".gz") else open
    try:
        with opener(path, "rt", encoding="utf-8-sig") as file:
            yield from file
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise ValueError(f"{path}: {error}") from error


def _array(values: Sequence) -> np.ndarray:
    whole = all(isinstance(value, (int, np.integer)) for value in values)
    try:
        with np.errstate(over="raise"):
            return np.array(values, np.int64 if whole else np.float32)
    except (OverflowError, FloatingPointError):
        kind = "int64" if whole else "float32"
        raise ValueError(f"expected numbers of {kind}, found {values!r:.60}") from None
