"""Reads cells as times, and computes hours, weekdays and ages of them."""

from __future__ import annotations

import datetime
import re
from collections.abc import Mapping, Sequence
from typing import Any, NoReturn
from zoneinfo import ZoneInfo

import numpy as np

from datasets.readers.table.arrow import pa, pc
from datasets.readers.table.cells import values
from datasets.readers.table.column_types.derivations import UNITS, Derived

_FACTORS = {"s": 1_000_000, "ms": 1000, "us": 1}  # microseconds
_FIRST, _LAST = (  # microseconds since 1970 of the years that Python's datetime has
    (datetime.datetime(year, 1, 1) - datetime.datetime(1970, 1, 1)) // datetime.timedelta(0, 0, 1)
    for year in (1, 9999)
)
_DAY = 86_400_000_000
_LENGTHS = {"days": _DAY, "years": 365.2425 * _DAY}  # of the Gregorian calendar
_EXAMPLE = "2022-04-30 12:34:56"


def ages(arrays: Mapping[str, pa.Array], derived: Derived, missing: Sequence[str]) -> np.ndarray:
    """Returns the ages ``[n]`` of a batch's times, float64; NaN where a time is missing.

    Args:
        arrays: the batch's columns by name.
        derived: the derivation.
        missing: texts that mean a missing time.

    Raises:
        CellError: a cell is no time.
    """
    first, *others = (_microseconds(arrays[name], derived, missing) for name in derived.sources)
    until = others[0] if others else np.float64(_since_1970(derived.until_date))
    return (until - first) / _LENGTHS[derived.age_unit]


def categories(column: pa.Array, derived: Derived, missing: Sequence[str]) -> pa.Array:
    """Returns hours or weekdays as texts ``[n]``; null where the time is missing.

    Raises:
        CellError: a cell is no time.
    """
    clock = wall_clock(column, derived, missing)
    parts = pc.hour(clock) if derived.what == "hour" else pc.day_of_week(clock)
    return parts.cast(pa.string())


def _microseconds(column: pa.Array, derived: Derived, missing: Sequence[str]) -> np.ndarray:
    clock = wall_clock(column, derived, missing).cast(pa.int64())
    return clock.cast(pa.float64(), safe=False).to_numpy(zero_copy_only=False)


def wall_clock(column: pa.Array, derived: Derived, missing: Sequence[str]) -> pa.Array:
    """Returns what a clock on the wall shows, as timestamps without a zone; null where missing.

    Integers and times with an offset are instants: the clock hangs in ``derived.timezone``. Other
    times are what a clock showed.

    Raises:
        CellError: a cell is no time.
    """
    if isinstance(column, pa.DictionaryArray):
        column = column.dictionary_decode()
    kind = column.type
    if pa.types.is_timestamp(kind) or pa.types.is_date(kind):
        if derived.unit is not None:
            raise values.CellError(0, f"unit is for integers, and the column is {kind}: remove it")
        zone = kind.tz if pa.types.is_timestamp(kind) else None
        column = column.cast(pa.timestamp("us", zone), safe=False)
        return column if zone is None else _local(column, derived)
    if derived.unit is not None:
        return _local(_instants(column, derived.unit, missing), derived)
    texts = values.texts(column, missing)
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind)):
        for row in np.flatnonzero(texts.is_valid().to_numpy(zero_copy_only=False))[:1]:
            _no_time(row, texts[int(row)].as_py())
    try:
        return texts.cast(pa.timestamp("us"))
    except pa.ArrowInvalid:  # an offset, or no time at all: Python names the row
        return _parsed(texts, derived)


def _local(instants: pa.Array, derived: Derived) -> pa.Array:
    """Returns what clocks in a time zone show at instants."""
    return pc.local_timestamp(instants.cast(pa.timestamp("us", derived.timezone)))


def _instants(column: pa.Array, unit: str, missing: Sequence[str]) -> pa.Array:
    try:
        numbers = values.numbers(column, missing)
    except values.CellError as error:
        found = values.quoted(column[error.row].as_py())
        hint = f"remove unit for times such as {_EXAMPLE}"
        message = f"expected a number of {unit} since 1970, found {found} ({hint})"
        raise values.CellError(error.row, message) from error
    microseconds = numbers * _FACTORS[unit]
    wrong = (microseconds < _FIRST) | (microseconds >= _LAST)
    if wrong.any():
        row = int(np.argmax(wrong))
        found = values.quoted(column[row].as_py())
        expected = f"expected {unit} since 1970 in the years 1 to 9998, found {found}"
        raise values.CellError(row, f"{expected}{_likely(found, unit)}")
    absent = np.isnan(microseconds)
    rounded = np.round(np.where(absent, 0.0, microseconds)).astype(np.int64)
    return pa.array(rounded, mask=absent).cast(pa.timestamp("us", "UTC"))


def _parsed(texts: pa.Array, derived: Derived) -> pa.Array:
    zone, encoded = ZoneInfo(derived.timezone), texts.dictionary_encode()
    where, times = values.indices(encoded), []
    for place, text in enumerate(encoded.dictionary.to_pylist()):
        shortened = re.sub(r"(\.\d{6})\d+", r"\1", text)  # Python has microseconds
        try:
            if text.isdigit():
                raise ValueError
            time = datetime.datetime.fromisoformat(re.sub("[zZ]$", "+00:00", shortened))
            if time.tzinfo is not None:
                time = time.astimezone(zone).replace(tzinfo=None)
        except (ValueError, OverflowError):
            _no_time(np.argmax(where == place), text)
        times.append(_since_1970(time))
    found = np.append(np.array(times, np.int64), 0)[where]
    return pa.array(found, mask=where < 0).cast(pa.timestamp("us"))


def _since_1970(time: Any) -> int:
    return (time - datetime.datetime(1970, 1, 1)) // datetime.timedelta(microseconds=1)


def _no_time(row: Any, text: str) -> NoReturn:
    is_number = re.fullmatch(r"[+-]?\d+(\.\d+)?", text)
    hint = f" (for integers set unit to {', '.join(UNITS)}{_likely(text, '')})" if is_number else ""
    expected = f"expected a time such as {_EXAMPLE}, found {values.quoted(text)}{hint}"
    raise values.CellError(row, expected)


def _likely(found: str, unit: str) -> str:
    """Returns which unit a number of that many digits probably has."""
    digits = len(re.sub(r"\D", "", found.split(".")[0]))
    likely = {10: "s", 13: "ms", 16: "us"}.get(digits)
    return f"; {digits} digits look like {likely}" if likely not in (None, unit) else ""
