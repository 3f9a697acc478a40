"""The columns of the raw Adult table and of the prepared one.

A prepared row has the labels, the numerics and one id of each field, in the order below.
"""

from __future__ import annotations

from typing import NamedTuple


class Label(NamedTuple):
    """A task, and the label of each value of its column."""

    task: str
    column: str
    values: dict[str, int]


class Field(NamedTuple):
    """A categorical column with ids below ``size``; the id 0 is out-of-vocabulary."""

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

# Values have no leading space, and no full stop as at the end of lines of the test file.
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

# hours_per_week is the last, so that the first five are the features of a task that predicts it.
NUMERICS = (
    "age",
    "fnlwgt",
    "education_num",
    "capital_gain",
    "capital_loss",
    "hours_per_week",
)

# A numeric that is also a label: the last label column.
NUMBER_LABEL = "hours_per_week"
LABEL_NAMES = (*(label.task for label in LABELS), NUMBER_LABEL)

FIELDS = (
    Field("workclass", 10),
    Field("education", 17),
    Field("occupation", 16),
    Field("relationship", 7),
    Field("race", 6),
    Field("sex", 3),
    Field("native_country", 43),
    # These columns again, as categories: tax rules make some exact amounts frequent, and people
    # with one amount differ from those with the next amount.
    Field("capital_gain", 118),
    Field("capital_loss", 91),
)

WIDTH = len(LABEL_NAMES) + len(NUMERICS) + len(FIELDS)
