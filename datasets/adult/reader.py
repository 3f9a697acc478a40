"""Rows of the prepared Adult table, for the models of ``models/multitask``."""

from __future__ import annotations

from datasets.adult.columns import LABELS
from datasets.readers.field_matrix import FieldDataset


class RecDataset(FieldDataset):
    """Rows of 6 numerics, 7 ids and one label a task.

    Label column 0 is income over 50,000 dollars, 1 is having been married.
    """

    LABELS = tuple(label.task for label in LABELS)
