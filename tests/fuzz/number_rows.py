"""Targets `numbers`, `labels` and `fields`: comma-separated numbers, as most readers have them."""

from __future__ import annotations

import gzip
import re

import numpy as np
from fuzz_guard import FaultError, put, refusal, watched

from datasets.census.reader import RecDataset as CensusRows
from datasets.readers import text_matrix
from datasets.readers.field_matrix import FieldDataset

_UNLABELLED = re.compile(r"|[+-]?nan", re.IGNORECASE)
_PLAIN = re.compile(r"[+-]?([0-9]+\.?[0-9]*|\.[0-9]+)([eE][+-]?[0-9]+)?")
SPARSE = [{"name": "city", "size": 5}, {"name": "tags", "size": 4, "max_len": 2}]


class FieldRows(FieldDataset):
    """Two labels, a dense number, an id and two more ids of one field: six numbers a line."""

    LABELS = ("click", "like")


def lines_of(content: bytes) -> list[tuple[int, str]]:
    """Returns the lines of a text file that are not blank, with their numbers."""
    text = content.decode("utf-8-sig", "replace").replace("\r\n", "\n").replace("\r", "\n")
    return [(number, line) for number, line in enumerate(text.split("\n"), 1) if line.strip()]


def number(cell: str) -> tuple[float | None, bool]:
    """Returns a cell's number as float32, None if it has none, and whether it is plainly one.

    What Python takes for a number and a reader need not: 1_0, digits of other scripts.
    """
    try:
        with np.errstate(over="ignore"):
            value = np.float32(float(cell.strip()))
    except ValueError:
        return None, False
    return (value, bool(_PLAIN.fullmatch(cell.strip()))) if np.isfinite(value) else (None, False)


def plain_parse(content: bytes, columns: int, labels: int = 0) -> tuple[np.ndarray | None, bool]:
    """Returns the table that a text is, None if it is none, and whether it must be read.

    The first ``labels`` cells of a line may be empty or nan: there is no label.
    """
    rows, plain = [], True
    for _, line in lines_of(content):
        cells = [
            (np.float32(np.nan), not cell.strip())
            if place < labels and _UNLABELLED.fullmatch(cell.strip())
            else number(cell)
            for place, cell in enumerate(line.strip().split(","))
        ]
        if len(cells) != columns or any(value is None for value, _ in cells):
            return None, False
        plain = plain and all(certain for _, certain in cells)
        rows.append([value for value, _ in cells])
    return (np.array(rows, np.float32), plain) if rows else (None, False)


def _labels(column: np.ndarray) -> np.ndarray:
    """Returns labels as a binary task has them: -100 without one."""
    return np.where(np.isnan(column), -100, column).astype(np.int64)


def check_numbers(content: bytes, columns: int, compressed: bool = False) -> None:
    """A text matrix holds each cell as float() reads it, or is refused by a line with a place."""
    with watched("numbers") as folder:
        name, stored = ("x.csv.gz", gzip.compress(content)) if compressed else ("x.csv", content)
        path = put(folder, name, stored)
        expected, plain = plain_parse(content, columns)
        try:
            found = text_matrix.load(path, columns, folder)
        except ValueError as error:
            refusal(error, len(content), path)
            if plain:
                raise FaultError(f"refused: {error}") from error
            return
        if expected is None:
            raise FaultError(f"read as {found.tolist()}")
        _same(found, expected)
        _same(text_matrix.load(path, columns, folder), expected)  # from the parsed copy


def check_labels(content: bytes, size: int) -> None:
    """The census reader (adult's and video's alike): two labels, then features."""
    with watched("labels") as folder:
        path = put(folder, "x.csv", content)
        config = {"hyper_parameters.feature_size": size, "runner.cache_dir": folder}
        expected, plain = plain_parse(content, 2 + size, 2)
        good = expected is not None and _are_labels(expected[:, :2])
        found = _taken(CensusRows, path, config, len(content), plain and good)
        if found is None:
            return
        if not good:
            raise FaultError("rows were read that are none")
        features, income, marital = found
        _same(features, expected[:, 2:])
        _same(income, _labels(expected[:, 1:2]))
        _same(marital, _labels(expected[:, :1]))


def check_fields(content: bytes, hashed: bool) -> None:
    """A field reader: labels, dense numbers, ids, which are hashed or must be in range."""
    with watched("fields") as folder:
        path = put(folder, "x.csv", content)
        config = {
            "hyper_parameters.tasks": [{"name": "b", "label_column": 1}],
            "hyper_parameters.dense_input_dim": 1,
            "hyper_parameters.sparse_fields": SPARSE,
            "hyper_parameters.hash_ids": hashed,
            "runner.cache_dir": folder,
        }
        expected, plain = plain_parse(content, 6, 2)
        ids = None if expected is None else _ids(expected[:, 3:].tolist(), hashed)
        good = ids is not None and _are_labels(expected[:, 1:2])  # the task's column
        found = _taken(FieldRows, path, config, len(content), plain and good)
        if found is None:
            return
        if not good:
            raise FaultError("rows were read that are none")
        _same(found[0], expected[:, 2:3])
        _same(found[1], np.array(ids, np.int64))
        _same(found[2], _labels(expected[:, 1:2]))


def _are_labels(columns: np.ndarray) -> bool:
    return bool((np.isin(columns, (0, 1)) | np.isnan(columns)).all())


def _ids(rows: list[list[float]], hashed: bool) -> list[list[int]] | None:
    limits = [5, 4, 4]
    for row in rows:
        for column, (value, size) in enumerate(zip(row, limits)):
            if not value.is_integer() or not 0 <= value < (1 << 24 if hashed else size):
                return None
            row[column] = int(value) if value < size else 1 + (int(value) - 1) % (size - 1)
    return rows


def _taken(kind: type, path: str, config: dict, said: int, must: bool) -> list | None:
    """Returns all rows as columns; None if they are refused, which they must not be if `must`."""
    try:
        dataset = kind([path], config)
        found = dataset.take(slice(0, len(dataset)))
    except ValueError as error:
        refusal(error, said, path)
        if must:
            raise FaultError(f"refused: {error}") from error
        return None
    backwards = dataset.take(np.arange(len(dataset))[::-1])
    for column, turned in zip(found, backwards):
        _same(turned[::-1], column)
    for row in (0, len(dataset) - 1):
        with open(path, "rb") as file:
            line = lines_of(file.read())[row][0]
        if dataset.place(row) != f"{path}:{line}":
            raise FaultError(f"row {row} is said to be at {dataset.place(row)}, not in line {line}")
    return found


def _same(found: np.ndarray, expected: np.ndarray) -> None:
    if found.dtype != expected.dtype or not np.array_equal(found, expected):
        raise FaultError(f"found {found.dtype} {found.tolist()}, expected {expected.tolist()}")


def numbers_of(data: bytes) -> None:
    """Bytes as an input of the target `numbers`."""
    if data:
        check_numbers(data[1:], 1 + data[0] % 4, bool(data[0] & 0x80))


def labels_of(data: bytes) -> None:
    """Bytes as an input of the target `labels`."""
    if data:
        check_labels(data[1:], 1 + data[0] % 3)


def fields_of(data: bytes) -> None:
    """Bytes as an input of the target `fields`."""
    if data:
        check_fields(data[1:], bool(data[0] & 1))


TOKENS = [b"1e400", b"-1e-400", b"16777217", b"nan", b"inf", b"0x1", b"1_0", b"\xef\xbb\xbf"]
TOKENS += ["١".encode(), "\u2028".encode(), "\xa0".encode(), b"\r", b"\r\n", b"\0", b'"', b"'"]
TOKENS += [b"#", b"1e-46", b"9223372036854775808", b"1d5", b"1j", b"\x1c", b"\x0b", b",,"]


def number_seeds() -> list[bytes]:
    """Files as they should be, and ones that are not."""
    texts = [b"1,2\n3,4\n", b"1.5,-2e3\r\n\r\n+3,.5", b"1,2,3\n4,5\n", b"", b"\n\n", b"a,b\n"]
    return [bytes([first]) + text for first in (1, 2, 0x81) for text in texts]


def label_seeds() -> list[bytes]:
    """Two labels and one, two or three features."""
    return [
        b"\0001,0,2.5\n0,1,3\n",
        b"\0011,0,2.5,1\n0,1,3,1\n",
        b"\0001,2,2.5\n",
        b"\0000,nan,1\n",
        b"\000,1,1\n1,,2\n",
    ]


def field_seeds() -> list[bytes]:
    """Ids in range, out of range and hashed."""
    texts = [
        b"1,0,2.5,4,3,0\n0,1,3,0,0,1\n",
        b"1,0,1,9,3,0\n",
        b"1,0,1,1.5,3,0\n",
        b"1,0,1,-1,3,0\n",
    ]
    return [first + text for first in (b"\0", b"\1") for text in texts]
