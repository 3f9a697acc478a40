"""Reads the rows of raw CSV files, compressed or not, and checks their number and width."""

from __future__ import annotations

import csv
import gzip
from collections.abc import Collection, Iterator, Sequence
from operator import itemgetter
from pathlib import Path
from typing import TextIO

from datasets.preparing.command import DataError


def open_text(path: Path) -> TextIO:
    """Opens a file from `fetch.obtain` as text."""
    opener = gzip.open if path.suffix == ".gz" else open
    return opener(path, "rt", encoding="ascii", errors="backslashreplace", newline="\n")


def read_rows(
    path: Path, columns: int, rows: int, skipped: Collection[str] = ()
) -> Iterator[tuple[int, list[str]]]:
    """Yields line numbers and rows of a comma-separated file from `fetch.obtain`.

    Args:
        path: the file.
        columns: number of columns of each row.
        rows: number of rows of the file.
        skipped: lines that are not rows.

    Raises:
        DataError: a row has another number of columns, or the file another number of rows.
    """
    count = 0
    with open_text(path) as stream:
        for line, text in enumerate(stream, 1):
            text = text.rstrip("\n")
            if text in skipped:
                continue
            row = text.split(",")
            if len(row) != columns:
                raise DataError(f"{path}, line {line}: {len(row)} columns, expected {columns}")
            yield line, row
            count += 1
    if count != rows:
        raise DataError(f"{path}: {count} rows, expected {rows}")


def read_named(path: Path, names: Sequence[str]) -> Iterator[tuple[int, tuple[str, ...]]]:
    """Yields line numbers and some columns of a CSV file with a header and quotation marks.

    Args:
        path: a file from `fetch.obtain`.
        names: at least two columns, in the order of the result.

    Raises:
        DataError: the header lacks a column, or a row has another number of columns.
    """
    with open_text(path) as stream:
        rows = csv.reader(stream)
        header = next(rows, [])
        missing = [name for name in names if name not in header]
        if missing:
            raise DataError(f"{path}, line 1: no column {missing[0]}")
        pick = itemgetter(*(header.index(name) for name in names))
        for row in rows:
            if len(row) != len(header):
                raise DataError(
                    f"{path}, line {rows.line_num}: {len(row)} columns, expected {len(header)}"
                )
            yield rows.line_num, pick(row)
