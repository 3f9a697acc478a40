"""Reads integers and endpoints from the environment variables that Paddle's launcher sets."""

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


def parse_endpoints(name: str, text: str) -> tuple[str, ...]:
    """Returns the endpoints ``host:port`` that a variable lists, separated by commas.

    Args:
        name: the variable's name, for the error.
        text: its value.

    Raises:
        UserError: an endpoint is wrong, or is listed twice.
    """
    endpoints = tuple(text.split(","))
    for endpoint in endpoints:
        host, _, port = endpoint.rpartition(":")
        if not host or not _is_port(port):
            raise UserError(f"{name}: expected host:port, found {endpoint!r}")
        if endpoints.count(endpoint) > 1:
            raise UserError(f"{name}: {endpoint} is listed twice")
    return endpoints


def _is_port(text: str) -> bool:
    try:
        return 0 < integers.parse(text) < 65536
    except ValueError:
        return False
