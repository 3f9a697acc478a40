"""The reader of the prepared Adult table."""

from __future__ import annotations

from datasets.adult.columns import LABELS
from datasets.readers.field_matrix import FieldDataset


class RecDataset(FieldDataset):
    """Rows of 6 numerics, 9 ids and one label a task.

    Label column 0 is an income over 50,000 dollars, column 1 is that a person has been married.
    """

    LABELS = tuple(label.task for label in LABELS)
