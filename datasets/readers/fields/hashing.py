"""Hashes values to ids; with several ids a value, few values have all of them in common.

The embedding of a value is the sum of the rows of its ids: values that share one id still differ.

- ``double``: each id is another hash function of the value over the same rows.
- ``quotient_remainder`` (Shi et al. 2019, https://arxiv.org/abs/1909.02107, section 3): a number n
  below B^2 has the ids 1 + n % B, in the first B rows, and 1 + B + n // B, in B further rows. No
  two numbers have both ids in common. The paper also multiplies the rows in place of adding them.
"""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from typing import Any

import numpy as np

from datasets.readers import checks

METHODS = ("double", "quotient_remainder")
LARGEST_NUM = 8
_MIX = (0xBF58476D1CE4E5B9, 0x94D049BB133111EB)  # of splitmix64


def check(place: str, num: Any, method: Any, pooling: Any) -> None:
    """Checks ``hash_num`` and ``hash_method`` of a field.

    Args:
        place: the field, for the error.
        num: ids a value.
        method: how they are computed; None for the default.
        pooling: how the field's ids are combined.

    Raises:
        ValueError: one is invalid, or they contradict each other.
    """
    checks.integer(f"{place}: hash_num", num, 1, LARGEST_NUM)
    if num == 1:
        if method is not None:
            checks.fail(f"{place}: hash_method", "no value, because hash_num is 1", method)
        return
    if method is not None:
        checks.choice(f"{place}: hash_method", method, METHODS)
    if method == "quotient_remainder" and num != 2:
        checks.fail(f"{place}: hash_num", "2, a quotient and a remainder", num)
    if pooling not in ("sum", "mean"):
        expected = "sum or mean, because several ids of a value are added"
        checks.fail(f"{place}: pooling", expected, pooling)


def size(buckets: int, method: str | None) -> int:
    """Returns the number of ids, including 0, of values that are hashed to ``buckets`` buckets."""
    return 1 + buckets * (2 if method == "quotient_remainder" else 1)


def text_ids(texts: Sequence[str], buckets: int, num: int, method: str | None) -> np.ndarray:
    """Returns the ids of texts, ``[n, num]`` int32.

    The hash is BLAKE2b with 8 bytes over the text in UTF-8, read as a little-endian integer; hash
    function j > 0 has the byte j as salt. It is the same on every machine.
    """
    if method == "quotient_remainder":
        numbers = (_hash(text) % buckets**2 for text in texts)
        pairs = (id_ for n in numbers for id_ in (1 + n % buckets, 1 + buckets + n // buckets))
        return np.fromiter(pairs, np.int32, 2 * len(texts)).reshape([-1, 2])
    ids = (1 + _hash(text, place) % buckets for text in texts for place in range(num))
    return np.fromiter(ids, np.int32, num * len(texts)).reshape([-1, num])


def _hash(text: str, function: int = 0) -> int:
    salt = bytes([function]) if function else b""
    digest = hashlib.blake2b(text.encode(), digest_size=8, salt=salt).digest()
    return int.from_bytes(digest, "little")


def number_ids(numbers: np.ndarray, size: int, num: int, method: str | None) -> np.ndarray:
    """Returns the ids of numbers ``[n, columns]``, ``[n, columns * num]`` int64; 0 stays 0.

    The first hash function is 1 + (number - 1) modulo ``size`` - 1, as with ``hash_ids``; the
    others are those of splitmix64.

    Args:
        numbers: numbers of at least 0.
        size: the number of ids, including 0.
        num: ids a number.
        method: how they are computed.
    """
    if method == "quotient_remainder":
        buckets = (size - 1) // 2
        places = [(numbers - 1) % buckets, buckets + (numbers - 1) // buckets % buckets]
    else:
        places = [(numbers - 1) % (size - 1)]
        places += [_mixed(numbers, place) % (size - 1) for place in range(1, num)]
    ids = np.stack([np.where(numbers > 0, 1 + place, 0) for place in places], axis=-1)
    return ids.reshape([len(numbers), -1])


def _mixed(numbers: np.ndarray, function: int) -> np.ndarray:
    """Returns numbers of 63 bits, ``[n, columns]`` int64."""
    with np.errstate(over="ignore"):
        mixed = numbers.astype(np.uint64) + np.uint64(0x9E3779B97F4A7C15) * np.uint64(function)
        mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(_MIX[0])
        mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(_MIX[1])
    return ((mixed ^ (mixed >> np.uint64(31))) >> np.uint64(1)).astype(np.int64)
