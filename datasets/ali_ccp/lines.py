"""Parses Ali-CCP's lines into labels and ids; errors name the line and the column."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

import numpy as np

from datasets.ali_ccp.block import BlockParser
from datasets.ali_ccp.columns import EXPECTED, ID_LIMIT, LABELS, Kept
from datasets.readers.text_lines import open_text

_TEXT_AT_ONCE = 150_000  # characters, which fit into the processor's cache


def table_blocks(path: str, fields: Sequence[Kept]) -> Iterator[np.ndarray]:
    """Returns a file's rows in blocks ``[n, 2 + S]``, int32: labels, then ids of each field.

    Args:
        path: a file of lines ``id,click,buy,field:feature,...``; blank lines are skipped.
        fields: the fields that are read, padded with 0; S is the sum of ``max_len``. Other fields
            are skipped.

    Raises:
        ValueError: a line is malformed; the message names file and line.
    """
    return (rows for _, rows in parsed_blocks(path, fields))


def parsed_blocks(path: str, fields: Sequence[Kept]) -> Iterator[tuple[bytes, np.ndarray]]:
    """Yields the text and the rows of each block; see `table_blocks`."""
    parser = BlockParser(fields)
    first = 1
    with open_text(path) as file:
        while lines := "".join(file.readlines(_TEXT_AT_ONCE)):
            block = lines.encode() if lines.endswith("\n") else lines.encode() + b"\n"
            rows = parser.parse(block)
            yield block, _parse(path, first, block, fields) if rows is None else rows
            first += block.count(b"\n")


def _parse(path: str, first: int, block: bytes, fields: Sequence[Kept]) -> np.ndarray:
    """Returns the rows of lines in any valid format, also of those that `BlockParser` rejects."""
    lines = [
        (number, line) for number, line in enumerate(block.split(b"\n"), first) if line.strip()
    ]
    table = np.zeros((len(lines), len(LABELS) + sum(field.max_len for field in fields)), np.int32)
    for row, (number, line) in zip(table, lines):
        try:
            _fill(row, line, fields)
        except ValueError as error:
            raise ValueError(f"{path}:{number}: {error}") from None
    return table


def _fill(row: np.ndarray, line: bytes, fields: Sequence[Kept]) -> None:
    cells = [cell.strip() for cell in line.split(b",")]
    if len(cells) < 3:
        raise ValueError(f"expected {EXPECTED}, found {_quoted(line)}")
    for column, label in ((2, "click"), (3, "buy")):
        if cells[column - 1] not in (b"0", b"1"):
            found = _quoted(cells[column - 1])
            raise ValueError(f"column {column}: expected a label {label} of 0 or 1, found {found}")
    click, buy = (cell == b"1" for cell in cells[1:3])
    row[: len(LABELS)] = click, click and buy
    ids: dict[bytes, list[int]] = {field.name.encode(): [] for field in fields}
    for column, cell in enumerate(cells[3:], 4):
        name, _, feature = (part.strip() for part in cell.partition(b":"))
        if not name or b":" not in cell or b":" in feature:
            raise ValueError(f"column {column}: expected field:feature, found {_quoted(cell)}")
        if not feature.isdigit() or int(feature) >= ID_LIMIT:
            raise ValueError(
                f"column {column}, field {name.decode(errors='replace')[:40]}: expected an id from "
                f"0 to {ID_LIMIT - 1}, found {_quoted(feature)}"
            )
        if name in ids:
            ids[name].append(int(feature))
    end = len(LABELS)
    for field, features in zip(fields, ids.values()):
        kept = features[: field.max_len]
        row[end : end + len(kept)] = kept
        end += field.max_len


def _quoted(cell: bytes) -> str:
    return repr(cell.decode(errors="replace")[:40])
