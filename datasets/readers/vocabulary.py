"""Ids of categorical values: learned from training rows, and written down beside the data."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator

from datasets.preparing.command import DataError


class Vocabulary(dict):
    """The ids of a field: 1 and up in the order of `values`; any other value is 0.

    Args:
        name: of the field.
        size: what its ids are below, as ``columns.py`` declares it.
        values: the values, none twice.

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


def listing(vocabularies: Iterable[Vocabulary]) -> Iterator[bytes]:
    """Lines ``field,id,value`` of a vocabulary file: what new data have to be encoded with."""
    for vocabulary in vocabularies:
        for value, number in vocabulary.items():
            line = io.StringIO()
            csv.writer(line, lineterminator="\n").writerow((vocabulary.name, number, value))
            yield line.getvalue().encode("ascii")
