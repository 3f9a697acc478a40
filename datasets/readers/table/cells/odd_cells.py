"""Recognises cells that become strange categories: printed lists, weights, rounded identifiers."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from datasets.readers.table.arrow import pa, pc

_CHECKED = 1000  # values of each batch; a pattern takes a quarter of a microsecond a value


class Kind(NamedTuple):
    """A kind of odd cells.

    Attributes:
        pattern: the regular expression that matches such a cell.
        is_what: what such cells are, with an example.
        advice: what to do.
    """

    pattern: str
    is_what: str
    advice: str


KINDS = (
    Kind(
        r"""(?s)^\[\s*[0-9+-].*\]$|^\[\s*\]$|^[\[({]\s*['"]|['"]\s*[\])}]$""",
        "are printed lists such as ['x', 'y']",
        "set separator and max_len, and lists of Python and JSON are read as several values; "
        "write others as x|y with the separator |",
    ),
    Kind(
        r"^([^:]+:[+-]?\d*\.\d+)+$",
        "are values with a weight such as x:0.5",
        "set weighted: true, a separator, and the pooling sum or mean; or remove the weights: "
        "values with and without them are different categories",
    ),
    Kind(
        r"^[+-]?\d(\.\d+)?[eE]\+?\d+$",
        "are numbers with an exponent such as 1.2e+17",
        "write identifiers as integers or text: rounding made different ones equal",
    ),
)


def counts(cells: pa.Array) -> np.ndarray:
    """Returns the number of cells that were checked, and of those of each kind.

    Only the first cells of a batch are checked, because shares are enough.

    Args:
        cells: the values of a column's cells as texts; null where they are missing.
    """
    first = cells.slice(0, _CHECKED).drop_null()
    found = [pc.sum(pc.match_substring_regex(first, kind.pattern)).as_py() for kind in KINDS]
    return np.array([len(first), *(number or 0 for number in found)], np.float64)


def check(column: str, place: str, found: np.ndarray) -> None:
    """Raises a ValueError if most cells of a column are of one kind.

    Args:
        column: the column.
        place: the file or the files.
        found: the sum of `counts` over all batches.
    """
    for kind, number in zip(KINDS, found[1:]):
        if number > found[0] / 2:
            raise ValueError(f"{place}: column {column}: {describe(kind, number / found[0])}")


def describe(kind: Kind, share: float) -> str:
    """Returns what is odd about a share of a column's cells, and what to do."""
    return f"{share:.1%} of the cells {kind.is_what}: {kind.advice}"
