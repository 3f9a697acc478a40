"""Reads integers from text: options, environment variables and YAML follow the same rule."""

from __future__ import annotations

import re

LARGEST = 2**63 - 1  # the largest integer of NumPy and Paddle
PATTERN = r"[-+]?(?:0|[1-9][0-9]*)"  # ASCII digits; 012 may mean 12 or, in octal, 10

_INTEGER = re.compile(PATTERN)


def parse(text: str) -> int:
    """Returns the integer that a text contains in decimal, without leading zeros.

    ``int`` also accepts spaces, underscores, leading zeros and the digits of other scripts.

    Raises:
        ValueError: the text is not an integer, or has too many digits for Python.
    """
    if not _INTEGER.fullmatch(text):
        raise ValueError(f"{text!r} is not an integer")
    return int(text)
