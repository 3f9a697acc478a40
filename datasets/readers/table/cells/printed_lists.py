"""Reads lists that were printed into a cell, by Python (pandas does so in a CSV) or as JSON."""

from __future__ import annotations

import ast
import json
import re

import numpy as np

from datasets.readers.table.arrow import pa, pc

# No two neighbouring parts match the same characters: the time must not grow with their square.
_TEXT = r"""'[^'\\]*(?:\\.[^'\\]*)*'|"[^"\\]*(?:\\.[^"\\]*)*\""""
_ITEM = rf"(?:{_TEXT}|[+-]?[0-9.][0-9.eE+-]*|None|nan|True|False)"
_ITEMS = re.compile(_ITEM, re.DOTALL)
_LIST = re.compile(rf"\[\s*(?:{_ITEM}\s*(?:,\s*{_ITEM}\s*)*(?:,\s*)?)?\]", re.DOTALL)


def parsed(cells: pa.Array, split: pa.Array) -> pa.Array:
    """Returns the values of each cell, with those of printed lists in place of their parts.

    Args:
        cells: texts, null where they are missing.
        split: the parts of each cell between separators; kept where a cell is no list.
    """
    printed = pc.and_(pc.starts_with(cells, "["), pc.ends_with(cells, "]"))
    places = np.flatnonzero(pc.fill_null(printed, False).to_numpy(zero_copy_only=False))
    if not len(places):
        return split
    values = split.to_pylist()
    for place in places:
        found = _values(cells[int(place)].as_py())
        if found is not None:
            values[place] = found
    return pa.array(values, pa.list_(pa.string()))


def _values(cell: str) -> list[str | None] | None:
    """Returns the values of a printed list; None if the text is none, such as NumPy's [1 2]."""
    try:
        found = json.loads(cell)  # much faster than the pattern
    except (ValueError, RecursionError):
        if not _LIST.fullmatch(cell):
            return None
        found = [_value(item) for item in _ITEMS.findall(cell[1:-1])]
    if not all(value is None or isinstance(value, (str, int, float)) for value in found):
        return None
    return [value if value is None else str(value) for value in found]


def _value(item: str) -> str | None:
    if item[0] not in "'\"":
        return None if item == "None" else item
    return ast.literal_eval(item) if "\\" in item else item[1:-1]
