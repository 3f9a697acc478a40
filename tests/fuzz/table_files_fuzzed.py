"""Targets `table` and `vocabulary`: a user's own CSV or TSV, and what was learned from one."""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections import Counter

import numpy as np
from fuzz_guard import FaultError, put, refusal, watched
from number_rows import number

from datasets.readers.table import encoding_files
from datasets.readers.table.columns import MISSING, table_of
from datasets.readers.table.encoding import Encoding
from datasets.readers.table.reader import RecDataset
from engine.config.config import Config

TABLE = {
    "labels": ["y"],
    "dense": [{"name": "d", "fill": -1}],
    "sparse": [
        "c",
        {"name": "h", "hash_buckets": 9},
        {"name": "t", "separator": "|", "max_len": 2},
    ],
}
_MISSING = ("", *MISSING)
_TRUTH = {"true": 1, "false": 0}


def check(content: bytes, suffix: str) -> None:
    """Every cell of a table is what it says, or the file is refused by name."""
    with watched("table") as folder:
        path = put(folder, f"x{suffix}", content)
        given = {f"hyper_parameters.table.{key}": value for key, value in TABLE.items()}
        given["runner.model_save_path"] = os.path.join(folder, "output")
        given["runner.cache_dir"] = os.path.join(folder, "cache")
        config = Config(given, os.path.join(folder, "config.yaml"))
        rows = _plain(content, "\t" if suffix == ".tsv" else ",")
        try:
            learned = RecDataset.hyper_parameters_from_data(config, [path], None)
            values = {f"hyper_parameters.{key}": value for key, value in learned.items()}
            dataset = RecDataset([path], config.completed(values))
            found = dataset.take(slice(0, len(dataset)))
        except ValueError as error:
            # A column that nothing can be learned from is one of all files.
            refusal(error, len(content), "" if str(error).startswith("column ") else path)
            if rows and rows is not True:
                raise FaultError(f"refused: {error}") from error
            return
        if rows is None:
            raise FaultError(f"read as {[column.tolist() for column in found]}")
        if rows is not True:
            _compare(found, rows)


def _plain(content: bytes, delimiter: str) -> list[dict[str, str]] | bool | None:
    """Returns the rows of a table, None if it is none, True if that is not so simple to say.

    Quotation marks are not: PyArrow and Python differ in those inside a cell.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        return True  # in a column that is not read it may stand
    if '"' in text or "\0" in text:
        return True
    lines = text.replace("\r\n", "\n").replace("\r", "\n").split("\n")
    cells = [line.split(delimiter) for line in lines if line]
    cells[:1] = [[name.strip() for name in row] for row in cells[:1]]
    if len(cells) < 2 or any(len(row) != len(cells[0]) for row in cells):
        return None
    if any(cells[0].count(name) != 1 for name in "ydcht"):
        return None
    rows = [dict(zip(cells[0], row)) for row in cells[1:]]
    certain = True
    for row in rows:
        label = number(row["y"])
        known = row["y"].strip() in _MISSING or row["y"].strip().lower() in _TRUTH
        if not known and label[0] not in (0, 1):
            return None
        dense = number(row["d"])
        if row["d"].strip() not in _MISSING and (dense[0] is None or "_" in row["d"]):
            return None
        certain = certain and (label[0] is None or label[1])
        certain = certain and (dense[1] or row["d"] in _MISSING)
        # Which space is trimmed is Unicode's matter; here it is not judged.
        certain = certain and all(cell.isprintable() and cell.isascii() for cell in row.values())
    if not certain or all(row["d"].strip() in _MISSING for row in rows):
        return True
    if all(row["c"].strip() in _MISSING for row in rows):
        return None
    if all(not _texts(row["t"]) for row in rows):
        return None
    if any(re.search(r"[\[({:]|\d[eE]", row[name]) for row in rows for name in "cht"):
        return True  # printed lists, weights and exponents have rules of their own
    return rows


def _texts(cell: str) -> list[str]:
    if cell.strip() in _MISSING:
        return []
    parts = (part.strip() for part in cell.strip().split("|"))
    return [_integer(part) for part in parts if part not in _MISSING]


def _integer(text: str) -> str:
    """Returns 7 for 7.0."""
    return text[:-2] if re.fullmatch(r"[+-]?[0-9]+\.0", text) else text


def _compare(found: list[np.ndarray], rows: list[dict[str, str]]) -> None:
    dense, ids, labels = found
    cells = [row["y"].strip() for row in rows]
    wanted = [
        -100 if cell in _MISSING else _TRUTH.get(cell.lower(), number(cell)[0]) for cell in cells
    ]
    if labels.ravel().tolist() != wanted:
        raise FaultError(f"labels {labels.tolist()}, expected {wanted}")
    numbers = [-1 if row["d"].strip() in _MISSING else number(row["d"])[0] for row in rows]
    if dense.ravel().tolist() != np.array(numbers, np.float32).tolist():
        raise FaultError(f"numbers {dense.tolist()}, expected {numbers}")
    whole = [
        [_integer(row["c"].strip())] if row["c"].strip() not in _MISSING else [] for row in rows
    ]
    expected = []
    cities, tags = _vocabulary(whole), _vocabulary([_texts(row["t"]) for row in rows])
    for row, city in zip(rows, whole):
        user = row["h"].strip()
        several = [tags[text] for text in _texts(row["t"])][-2:]
        expected.append(
            [cities[city[0]] if city else 0, 0 if user in _MISSING else _hashed(_integer(user))]
            + several
            + [0] * (2 - len(several))
        )
    if ids.tolist() != expected:
        raise FaultError(f"ids {ids.tolist()}, expected {expected}")


def _vocabulary(cells: list[list[str]]) -> dict[str, int]:
    counts = Counter(text for cell in cells for text in cell)
    ordered = sorted(counts, key=lambda text: (-counts[text], text))
    return {text: place for place, text in enumerate(ordered, 1)}


def _hashed(text: str) -> int:
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return 1 + int.from_bytes(digest, "little") % 9


def table_of_bytes(data: bytes) -> None:
    """Bytes as an input: the first says whether there is a header before them, and the kind."""
    if data:
        tabs, header = data[0] & 1, data[0] & 2
        first = (b"y\td\tc\th\tt\n" if tabs else b"y,d,c,h,t\n") if header else b""
        check(first + data[1:], ".tsv" if tabs else ".csv")


def check_vocabulary(content: bytes) -> None:
    """A vocabulary file is whole, and of these columns, or refused by name."""
    with watched("vocabulary") as folder:
        path = put(folder, "vocabulary-x.json", content)
        table = table_of({f"hyper_parameters.table.{key}": value for key, value in TABLE.items()})
        try:
            encoding, source = encoding_files.load(path, table)
            sizes = [encoding.size(column) for column in table.sparse]
            ids = encoding.ids(table.sparse[0], ["Rome", ""])
        except ValueError as error:
            refusal(error, len(content), path)
            return
        known = json.loads(content)["vocabularies"]["c"]
        if (
            sizes[:2] != [1 + len(known), 10]
            or ids.dtype != np.int32
            or not isinstance(source, list)
        ):
            raise FaultError(f"sizes {sizes}, ids {ids}, source {source!r}")


def vocabulary_seeds() -> list[bytes]:
    """What the project itself writes, and JSON that is no such thing."""
    table = table_of({f"hyper_parameters.table.{key}": value for key, value in TABLE.items()})
    table = table.for_training()
    encoding = Encoding(table, {"d": -1.0}, {"c": ["Rome", "Oslo"], "t": ["a"]})
    content = {
        "encoding": encoding.sha256,
        "learned_from": [["x.csv", 1, 2]],
        "table": table.meaning,
        "fills": encoding.fills,
        "vocabularies": encoding.vocabularies,
    }
    whole = json.dumps(content).encode()
    changed = [{**content, key: value} for key in content for value in (None, [], {}, "x", 1)]
    return [whole, b"[]", b"{}", b"[" * 3000, *(json.dumps(one).encode() for one in changed)]


TOKENS = [b"NA", b"NaN", b"null", b"1e400", b"true", b"|", b",", b"\t", b'"', b'""', b"\r", b"\0"]
TOKENS += [b"0_1", b"inf", "١".encode(), b"\xef\xbb\xbf", b"y,d,c,h,t\n", "\u2003".encode()]
JSON_TOKENS = [b"null", b"NaN", b"Infinity", b"[", b"{", b'"\\ud800"', b'"table":', b"1e999"]


def table_seeds() -> list[bytes]:
    """Rows with missing cells, several values, quotation marks."""
    rows = [
        b"1,20,Rome,7,a|b\n0,,Oslo,8,b\n",
        b"1,1e3,Rome,7,a||c|d\r\n\r\n0,NA,,x,\n",
        b'0,2,"a,b",7,a\n',
        b'0,2,"a\nb",7,a\n',
        b'0,2,"a,7,a\n',
        b"2,2,a,7,a\n",
        b"0,2,a,7\n",
        b"",
    ]
    tabs = [row.replace(b",", b"\t") for row in rows]
    return (
        [b"\2" + row for row in rows]
        + [b"\3" + row for row in tabs]
        + [b"\0z,t,h,c,d,y\n1,a,2,b,3,1"]
    )
