"""Decodes text files by ``hyper_parameters.table.encoding`` and finds lines that do not fit it."""

from __future__ import annotations

from typing import IO

from datasets.readers import text_lines
from datasets.readers.table.columns import KEY, UTF8

REPLACEMENT = "\ufffd"  # stands for bytes that do not fit the encoding


def open_text(path: str, encoding: str) -> IO[str]:
    """Opens a text file, also a compressed one; a byte-order mark of UTF-8 is skipped."""
    return text_lines.open_text(path, "utf-8-sig" if encoding == UTF8 else encoding)


def check_header(path: str, encoding: str, line: int, cells: list[str]) -> None:
    """Raises a ValueError if a header shows that its file has another encoding.

    Args:
        path: the file.
        encoding: the encoding with which it was decoded.
        line: the header's line.
        cells: the header's cells.
    """
    text = "".join(cells)
    fault = find_fault(path, encoding) if REPLACEMENT in text else None
    if "\0" in text:  # UTF-16 without a mark
        fault = _fault(path, encoding, line)
    if fault:
        raise fault


def find_fault(path: str, encoding: str) -> ValueError | None:
    """Returns the error of a file's first line that does not fit the encoding; None without one.

    Raises:
        ValueError: the file cannot be read.
    """
    if encoding == UTF8:  # it has REPLACEMENT as a character of its own
        with text_lines.open_bytes(path) as stream:
            for number, line in enumerate(stream, 1):
                if line.decode("utf-8", "replace").encode() != line:
                    return _fault(path, encoding, number)
        return None
    with open_text(path, encoding) as lines:
        for number, line in enumerate(lines, 1):
            if REPLACEMENT in line:
                return _fault(path, encoding, number)
    return None


def _fault(path: str, encoding: str, line: int) -> ValueError:
    expected = f"{path}:{line}: expected text in {encoding.upper()}"
    if encoding != UTF8:
        return ValueError(f"{expected}, as {KEY}.encoding says")
    hint = f"for another encoding set {KEY}.encoding, such as gbk or latin-1"
    return ValueError(f"{expected} ({hint})")
