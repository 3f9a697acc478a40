"""The exception for invalid input, and suggestions for misspelled names."""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable


class UserError(Exception):
    """Invalid input: a command prints the message in one line and exits with code 2."""


def nearest(name: str, known: Iterable[str]) -> str:
    """Returns ``; did you mean 'x'?`` with the most similar name, or '' if none is similar."""
    match = difflib.get_close_matches(name, sorted(known), n=1, cutoff=0.6)
    return f"; did you mean '{match[0]}'?" if match else ""


def paddle_reason(error: Exception) -> str:
    """Returns the message of one of Paddle's errors without its call stack."""
    lines = [line.strip() for line in str(error).splitlines()]
    messages = [line for line in lines if re.match(r"\(\w+\) ", line)]  # (InvalidArgument) ...
    return (messages or [line for line in lines if line] or [type(error).__name__])[-1]
