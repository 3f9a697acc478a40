"""Values with a weight: texts such as ``x:0.5``, and pairs and maps of Parquet."""

from __future__ import annotations

import numpy as np

from datasets.readers.labels.label import CellError, as_number
from datasets.readers.table.arrow import pa, pc

_PAIR = r"(?s)^(?P<value>.*):(?P<weight>[^:]*)$"
_EXPECTED = "expected a weight, a number of at least 0,"


def pairs_of(maps: pa.Array) -> pa.Array:
    """Returns maps as lists of pairs."""
    pair = pa.struct([("value", maps.type.key_type), ("weight", maps.type.item_type)])
    return maps.cast(pa.list_(pair))


def divided(cells: pa.Array, rows: np.ndarray) -> tuple[pa.Array, np.ndarray]:
    """Returns values without their weights, and the weights, float32 ``[values]``.

    The weight of a text follows its last colon. A pair is the value, then the weight. The weight of
    a value without one is 1.

    Args:
        cells: texts or pairs.
        rows: the row of each.

    Raises:
        CellError: a weight is no number of at least 0.
    """
    if pa.types.is_struct(cells.type):
        if cells.type.num_fields != 2:
            raise CellError(0, f"expected pairs of a value and a weight, found {cells.type}")
        values, found = cells.field(0), cells.field(1)
        missing = cells.is_null()
        values = pc.if_else(missing, pa.scalar(None, values.type), values)
        found = pc.if_else(missing, pa.scalar(None, found.type), found)
    elif pa.types.is_string(cells.type) or pa.types.is_large_string(cells.type):
        parts = pc.extract_regex(cells, _PAIR)
        has_weight = parts.is_valid()
        values = pc.if_else(has_weight, pc.struct_field(parts, "value"), cells)
        none = pa.scalar(None, pa.string())
        found = pc.if_else(has_weight, pc.struct_field(parts, "weight"), none)
    else:  # numbers without weights
        return cells, np.ones(len(cells), np.float32)
    weights = _numbers(found, rows)
    with np.errstate(over="ignore"):
        as_stored = weights.astype(np.float32)
    wrong = ~((as_stored >= 0) & np.isfinite(as_stored))
    if wrong.any():
        place = int(np.argmax(wrong))
        raise _error(found, place, rows)
    return values, as_stored


def _numbers(found: pa.Array, rows: np.ndarray) -> np.ndarray:
    try:
        numbers = found.cast(pa.float64())
    except pa.ArrowNotImplementedError as error:
        raise CellError(0, f"{_EXPECTED} found {found.type}") from error
    except pa.ArrowInvalid:  # PyArrow does not name the value, and does not read +1
        texts = found.to_pylist()
        return np.array([1.0 if text is None else as_number(text) for text in texts])
    return pc.fill_null(numbers, 1.0).to_numpy(zero_copy_only=False)


def _error(found: pa.Array, place: int, rows: np.ndarray) -> CellError:
    text = found[place].as_py()
    hint = " after the last colon" if isinstance(text, str) else ""
    return CellError(int(rows[place]), f"{_EXPECTED}{hint and hint + ','} found {text!r}")
