"""The Adult table, declared once: the raw columns, and what each becomes.

An output row is the labels, then the numerics, then an id of each field, in the order below.
"""

from __future__ import annotations

from typing import NamedTuple


class Label(NamedTuple):
    """A task, and the label of each value that its column may have."""

    task: str
    column: str
    values: dict[str, int]


class Field(NamedTuple):
    """A categorical column, whose ids are below `size`; 0 is a value that training lacks."""

    column: str
    size: int


RAW_COLUMNS = (
    "age",
    "workclass",
    "fnlwgt",
    "education",
    "education_num",
    "marital_status",
    "occupation",
    "relationship",
    "race",
    "sex",
    "capital_gain",
    "capital_loss",
    "hours_per_week",
    "native_country",
    "income",
)

# Values are without the space before them and the full stop after the test file's last one.
LABELS = (
    Label("income", "income", {"<=50K": 0, ">50K": 1}),
    Label(
        "marital",
        "marital_status",
        {
            "Never-married": 0,
            "Divorced": 1,
            "Married-AF-spouse": 1,
            "Married-civ-spouse": 1,
            "Married-spouse-absent": 1,
            "Separated": 1,
            "Widowed": 1,
        },
    ),
)

NUMERICS = (
    "age",
    "fnlwgt",
    "education_num",
    "capital_gain",
    "capital_loss",
    "hours_per_week",
)

FIELDS = (
    Field("workclass", 10),
    Field("education", 17),
    Field("occupation", 16),
    Field("relationship", 7),
    Field("race", 6),
    Field("sex", 3),
    Field("native_country", 43),
    # Once more, by exact amount: tax forms and deduction limits make some amounts of capital gain
    # and loss common, and what one says of a person is not what its neighbour says.
    Field("capital_gain", 118),
    Field("capital_loss", 91),
)

WIDTH = len(LABELS) + len(NUMERICS) + len(FIELDS)
