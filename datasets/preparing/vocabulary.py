"""Vocabularies of categorical fields, built from training rows, and their CSV file."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from datasets.preparing.command import DataError


class Vocabulary(dict):
    """The ids of a field's values, from 1 on in the order of ``values``; other values have id 0.

    Args:
        name: the field.
        size: number of ids including 0, as ``columns.py`` declares it.
        values: distinct values.

    Raises:
        DataError: there are more values than ids.
    """

    def __init__(self, name: str, size: int, values: Iterable[str]):
        super().__init__((value, number) for number, value in enumerate(values, 1))
        self.name = name
        if len(self) >= size:
            raise DataError(
                f"column {name}: {len(self)} values in the training rows, "
                f"expected fewer than {size}"
            )

    def __missing__(self, value: str) -> int:
        return 0


def csv_lines(vocabularies: Iterable[Vocabulary]) -> Iterator[bytes]:
    """Yields the lines ``field,id,value`` of a vocabulary file."""
    for vocabulary in vocabularies:
        for value, number in vocabulary.items():
            line = io.StringIO()
            csv.writer(line, lineterminator="\n").writerow((vocabulary.name, number, value))
            yield line.getvalue().encode("ascii")
