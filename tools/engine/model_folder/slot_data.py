"""Reads rows from data generators, the readers of Paddle's QueueDataset and InMemoryDataset.

Such a reader is a ``MultiSlotDataGenerator``. Its ``generate_sample(line)`` returns a function that
iterates over samples, each a list of ``(slot, values)``. Paddle runs it in another process, between
the file and a C++ dataset. Here it is called for each line.
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
    """Returns the class with ``generate_sample`` that a module defines; None without one."""
    for value in vars(module).values():
        defined_here = inspect.isclass(value) and value.__module__ == module.__name__
        if defined_here and hasattr(value, "generate_sample"):
            return value
    return None


class SlotDataset(IterableDataset):
    """The rows of a data generator, one array a slot.

    Args:
        generator: the generator's class; its ``init(config)`` is called if it has one.
        files: the data files.
        config: the configuration.
    """

    def __init__(self, generator: type, files: Sequence[str], config: Mapping[str, Any]):
        super().__init__()
        self._files = files
        self._generator = generator()
        if hasattr(self._generator, "init"):
            self._generator.init(config)

    def __iter__(self) -> Iterator[list[np.ndarray]]:
        """Yields a row for each sample of each line.

        Raises:
            ValueError: a file is damaged, or the generator cannot use a line; the message names it.
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
    """Yields the lines of a text file; a file named ``*.gz`` is decompressed."""
    opener = gzip.open if path.lower().endswith(".gz") else open
    try:
        with opener(path, "rt", encoding="utf-8-sig") as file:
            yield from file
    except (OSError, EOFError, UnicodeDecodeError, zlib.error) as error:
        raise ValueError(f"{path}: {error}") from error


def _array(values: Sequence) -> np.ndarray:
    integers = all(isinstance(value, (int, np.integer)) for value in values)
    dtype = np.int64 if integers else np.float32
    try:
        with np.errstate(over="raise"):
            return np.array(values, dtype)
    except (OverflowError, FloatingPointError):
        name = dtype.__name__
        raise ValueError(f"expected numbers of {name}, found {values!r:.60}") from None
