"""Converts cells into what rates are counted from: keys, days and labels."""

from __future__ import annotations

import datetime
import hashlib
import re
from collections.abc import Mapping, Sequence

import numpy as np

from datasets.readers import checks
from datasets.readers.labels.label import MISSING, Label
from datasets.readers.rates.daily_sums import NEVER, NONE
from datasets.readers.table.arrow import pa
from datasets.readers.table.cells import label_cells, values
from datasets.readers.table.cells.categories import category_cells, located
from datasets.readers.table.column_types.sparse import Sparse
from datasets.readers.table.columns import KEY, Table
from datasets.readers.table.files import Place
from datasets.readers.table.targets import Targets

DATE, INTEGER = "date", "integer"  # what the days of a table are
_INTEGER = re.compile(r"[+-]?[0-9]{1,18}")
_DATE = re.compile(r"([0-9]{4}-[0-9]{2}-[0-9]{2})([T ].*)?")


def keys(
    names: Sequence[str], columns: Mapping[str, pa.Array], table: Table, place: Place
) -> np.ndarray:
    """Returns a number for each row's key, int64 ``[rows]``: a hash of its values.

    A row without one of the values has `NONE`. Two of ten million keys have equal hashes with a
    probability of 1 in 100,000.

    Args:
        names: the columns that a key combines.
        columns: the batch's columns by name.
        table: the table's columns and their types.
        place: returns the place of a row of the batch.

    Raises:
        ValueError: a cell is invalid.
    """
    column = Sparse(names[0], cross=tuple(names) if len(names) > 1 else None)
    texts, where = values.distinct(category_cells(column, columns, table, place)[0])
    numbers = [_hash(text) for text in texts]
    return np.array([*numbers, NONE], np.int64)[where]


def _hash(text: str) -> int:
    digest = hashlib.blake2b(text.encode(), digest_size=8).digest()
    return int.from_bytes(digest, "little") >> 1  # not negative, as `NONE` is


def days(
    name: str, columns: Mapping[str, pa.Array], table: Table, place: Place, kind: str | None
) -> tuple[np.ndarray, str | None]:
    """Returns each row's day as a number, int64 ``[rows]``, and the kind of the days.

    A date has the number of days since 1 January of the year 1; the time in a timestamp does not
    count. Other days are integers as they are. A row without a day has `NEVER`.

    Args:
        name: the column of days.
        columns: the batch's columns by name.
        table: the table's columns and their types.
        place: returns the place of a row of the batch.
        kind: the kind of the days before, `DATE` or `INTEGER`; None if there were none.

    Raises:
        ValueError: a cell is no day, or is one of another kind.
    """
    with located(place, name):
        cells = values.categories(columns[name], table.missing, table.cell_rules)
        texts, where = values.distinct(cells)
        numbers = []
        for text in texts:
            found, number = _day(text)
            if found is None or kind not in (None, found):
                expected = {
                    None: "a day: a date such as 2022-04-25, or an integer",
                    DATE: "a date such as 2022-04-25, as in other training rows",
                    INTEGER: "an integer, as in other training rows",
                }[kind]
                row = np.flatnonzero(where == len(numbers))[0]
                advice = f"{KEY}.rates: by: {name}"
                problem = f"expected {expected}, found {values.quoted(text)} ({advice})"
                raise values.CellError(row, problem)
            kind = found
            numbers.append(number)
    return np.array([*numbers, NEVER], np.int64)[where], kind


def _day(text: str) -> tuple[str | None, int]:
    if _INTEGER.fullmatch(text):
        return INTEGER, int(text)
    date = _DATE.fullmatch(text)
    try:
        return (DATE, datetime.date.fromisoformat(date[1]).toordinal()) if date else (None, 0)
    except ValueError:  # such as 30 February
        return None, 0


def day_text(day: int, kind: str) -> str:
    """Returns a day as a person writes it."""
    return str(datetime.date.fromordinal(day)) if kind == DATE else str(day)


def rated_labels(table: Table, targets: Targets) -> list[Label]:
    """Returns how the labels are read of which a table has rates.

    A label is that of the first task that reads the column. Without a task it is a number.

    Raises:
        ValueError: a label has more than two classes.
    """
    found = []
    for place, name in enumerate(table.rates.of):
        of_tasks = [label for label in targets.labels if label.name == name]
        kinds = [label for label in of_tasks if label.kind != "multiclass"]
        if of_tasks and not kinds:
            expected = "labels of tasks that are not multiclass"
            checks.fail(f"{KEY}.rates: of", expected, name, "a class has no mean")
        found.append(kinds[0] if kinds else Label(name, name, place, "regression", None))
    return found


def label_values(
    labels: Sequence[Label], columns: Mapping[str, pa.Array], missing: Sequence[str], place: Place
) -> np.ndarray:
    """Returns labels as numbers ``[rows, labels]``, float64; NaN where one is missing.

    Raises:
        ValueError: a cell is no label.
    """
    found = []
    for label in labels:
        with located(place, label.name):
            bits = label_cells.labels(columns[label.name], label, missing)
        if label.is_number:
            found.append(bits.view(np.float32))
        else:
            found.append(np.where(bits == MISSING, np.nan, bits))
    return np.stack(found, axis=1).astype(np.float64)
