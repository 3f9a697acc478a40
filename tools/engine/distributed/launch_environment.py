"""Reads integers from the environment variables that Paddle's launcher sets."""

from __future__ import annotations

import os

from engine.system import integers
from engine.system.errors import UserError


def parse_integer(name: str, text: str, minimum: int = 0) -> int:
    """Returns the integer that a variable contains.

    Args:
        name: the variable's name, for the error.
        text: its value.
        minimum: the smallest allowed integer.

    Raises:
        UserError: the text is not such an integer.
    """
    try:
        value = integers.parse(text)
    except ValueError:
        value = minimum - 1
    if value < minimum:
        raise UserError(f"{name} = {text:.40}: expected an integer of at least {minimum}")
    return value


def read_integer(name: str, default: int, minimum: int = 0) -> int:
    """Returns the integer in an environment variable; ``default`` if it is unset or empty.

    Raises:
        UserError: the variable has another value.
    """
    text = os.environ.get(name)
    return parse_integer(name, text, minimum) if text else default
