"""The reader of the prepared KuaiRand-Pure log."""

from __future__ import annotations

from datasets.kuairand import columns
from datasets.readers.field_matrix import FieldDataset


class RecDataset(FieldDataset):
    """Rows of dense numbers, 35 ids and one label a task.

    The label columns are 0 click, 1 ctcvr (click and long view), 2 like, 3 long view.
    ``hyper_parameters.dense_input_dim`` 7 reads the dense numbers without user feedback, 25 also
    the histories of earlier days.
    """

    LABELS = columns.LABELS
    DENSE = len(columns.DENSE) + len(columns.HISTORY)
