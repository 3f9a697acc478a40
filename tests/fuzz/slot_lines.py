"""Target `slots`: lines of ``slot:value``, read as Paddle's QueueDataset readers have them."""

from __future__ import annotations

import numpy as np
from fuzz_guard import FaultError, put, refusal, watched

from engine.data.reader_errors import reader_errors
from engine.data.sources import open_source
from engine.model_folder.slot_data import SlotDataset
from engine.system.errors import UserError


class Generator:
    """A reader in the style of PaddleRec's: no check of its own, so the engine's must do."""

    def init(self, config):
        self.width = config["width"]

    def generate_sample(self, line):
        def samples():
            label, *pairs = line.split()
            values = {"a": [], "b": []}
            for pair in pairs:
                slot, value = pair.split(":")
                values[slot].append(float(value) if "." in value else int(value))
            padded = [(slot, [*found, 0, 0][: self.width]) for slot, found in values.items()]
            yield [("click", [int(label)]), *padded]

        return samples


def check(content: bytes) -> None:
    """All batches hold what float() and int() read, or there is one line and no more."""
    with watched("slots") as folder:
        path = put(folder, "x.txt", content)
        expected = _plain(content)
        try:
            with reader_errors("slot_reader"):
                dataset = SlotDataset(Generator, [path], {"width": 2})
                source = open_source(dataset, "slot_reader", 2)
            found = list(source.blocks())
        except UserError as error:
            refusal(error, len(content), "slot_reader")
            if expected:
                raise FaultError(f"refused: {error}") from error
            return
        if not expected:
            raise FaultError("lines were read that are none")
        rows = [row for batch in found for row in zip(*(field.tolist() for field in batch))]
        if rows != expected:
            raise FaultError(f"found {rows}, expected {expected}")


def _plain(content: bytes) -> list | None:
    """Returns the rows, None where a line is none or the rows are not of this simple form."""
    try:
        text = content.decode("utf-8-sig").replace("\r\n", "\n").replace("\r", "\n")
        lines = text[:-1].split("\n") if text.endswith("\n") else text.split("\n")
        rows = [_row(line) for line in lines] if text else []
    except (ValueError, IndexError, KeyError, OverflowError, FloatingPointError):
        return None
    return rows


def _row(line: str) -> tuple:
    label, *pairs = line.split()
    found = {"a": [], "b": []}
    for pair in pairs:
        slot, value = pair.split(":")
        found[slot].append(float(value) if "." in value else int(value))
    row = [[int(label)]]
    for values in found.values():
        padded = [*values, 0, 0][:2]
        kind = np.float32 if any(isinstance(value, float) for value in padded) else np.int64
        with np.errstate(over="raise"):
            row.append(np.array(padded, kind).tolist())
    np.array(row[0], np.int64)
    return tuple(row)


TOKENS = [b"a:", b"b:", b":", b"9223372036854775808", b"1.5", b"1e400", b"1.e400", b"nan.", b"\r"]
TOKENS += ["٣".encode(), b"\xef\xbb\xbf", b"\xff", b"1_0", b"\n"]


def seeds() -> list[bytes]:
    """Whole numbers, decimals, both in one slot, none."""
    return [
        b"1 a:1 a:2 b:3\n0 b:4\n",
        b"1 a:1.5 a:2\n1 a:1 a:2\n",
        b"0\n1\n",
        b"x a:1\n",
        b"1 c:1\n",
    ]
