"""Target `ali_ccp`: lines ``id,click,buy,field:feature,...``, parsed in blocks or one by one."""

from __future__ import annotations

import numpy as np
from fuzz_guard import FaultError, put, refusal, watched
from number_rows import lines_of

from datasets.ali_ccp.reader import RecDataset

FIELDS = {"101": 1, "109_14": 3, "853": 2}
_LIMIT = 1 << 31  # of what a file may hold
_SIZE = 1000  # of each field
_SPACE = " \t\n\r\x0b\x0c"  # of ASCII alone: a wider space is no part of a number


def plain_parse(content: bytes) -> list[list[int]] | None:
    """Returns labels and ids of each line, None if one is malformed."""
    rows = [_row(line) for _, line in lines_of(content)]
    return rows if rows and all(row is not None for row in rows) else None


def _row(line: str) -> list[int] | None:
    cells = [cell.strip(_SPACE) for cell in line.split(",")]
    if len(cells) < 3 or any(cell not in ("0", "1") for cell in cells[1:3]):
        return None
    found: dict[str, list[int]] = {name: [] for name in FIELDS}
    for cell in cells[3:]:
        parts = [part.strip(_SPACE) for part in cell.split(":")]
        if len(parts) != 2 or not all(parts):
            return None
        if not set(parts[1]) <= set("0123456789") or len(parts[1].lstrip("0")) > 10:
            return None
        if int(parts[1].lstrip("0") or "0") >= _LIMIT:
            return None
        if parts[0] in found:
            found[parts[0]].append(int(parts[1].lstrip("0") or "0"))
    click = int(cells[1])
    row = [click, click * int(cells[2])]
    for name, longest in FIELDS.items():
        row += (found[name] + [0] * longest)[:longest]
    return row


def check(content: bytes, hashed: bool) -> None:
    """A line gives its labels and ids, or the file is refused with the place."""
    with watched("ali_ccp") as folder:
        path = put(folder, "x.txt", content)
        config = {
            "hyper_parameters.tasks": [{"label_column": 0}, {"label_column": 1}],
            "hyper_parameters.sparse_fields": [
                {"name": name, "size": _SIZE, "max_len": longest}
                for name, longest in FIELDS.items()
            ],
            "hyper_parameters.hash_ids": hashed,
            "runner.cache_dir": folder,
        }
        expected = plain_parse(content)
        if expected and not hashed and any(max(row) >= _SIZE for row in expected):
            expected = None
        try:
            dataset = RecDataset([path], config)
            ids, click, buy = dataset.take(slice(0, len(dataset)))
        except ValueError as error:
            refusal(error, len(content), path)
            if expected:
                raise FaultError(f"refused: {error}") from error
            return
        found = np.hstack([click, buy, ids]).tolist()
        if not expected or found != [[_hashed(value) for value in row] for row in expected]:
            raise FaultError(f"found {found}, expected {expected}")


def _hashed(value: int) -> int:
    return value if value < _SIZE else 1 + (value - 1) % (_SIZE - 1)


def of_bytes(data: bytes) -> None:
    """Bytes as an input: the first says whether ids are hashed."""
    if data:
        check(data[1:], bool(data[0] & 1))


TOKENS = [b"101:", b"109_14:", b"853:", b":", b",", b"2147483648", b"16777216", b"\xc2\xa0", b"\r"]
TOKENS += [b" ", b"\0", b"00000000", "٣".encode(), b"\xef\xbb\xbf", b"1" * 30, b"\xff", b"1,0,"]


def seeds() -> list[bytes]:
    """The plain form, one with spaces, and malformed ones."""
    texts = [
        b"7,1,1,101:5,109_14:6,109_14:7,109_14:8,109_14:9,853:1\n8,0,1,853:3\n",
        b"7, 1, 0 ,101 : 5\r\n\r\n8,0,0\n",
        b"7,1,0,101:2147483647\n",
        b"7,1,0,999:5,101:123456789\n",
        b"7,2,0\n",
        b"7,1,0,101\n",
    ]
    return [first + text for first in (b"\0", b"\1") for text in texts]
