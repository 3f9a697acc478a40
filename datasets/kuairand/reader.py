"""The reader of the prepared KuaiRand-Pure log."""

from __future__ import annotations

from datasets.kuairand import columns
from datasets.readers.field_matrix import FieldDataset


class RecDataset(FieldDataset):
    """Rows of dense numbers, ids and one label a task.

    The label columns are 0 click, 1 ctcvr (click and long view), 2 like, 3 long view, 4 profile
    enter, 5 comment, 6 follow, 7 forward, 8 hate, 9 watch time in seconds, 10 watch ratio.
    ``hyper_parameters.dense_input_dim`` 7 reads the dense numbers without user feedback, 25 also
    the histories of earlier days, 40 also the later columns of the history, 110 also the rates;
    77 reads the dense numbers without user feedback and the rates.
    ``hyper_parameters.sparse_fields`` names the fields that are read, in any order.
    """

    LABELS = columns.LABELS
    NUMBERS = columns.NUMBER_LABELS
    PREPARE = "datasets/kuairand/run.sh"
    DENSE = len(columns.DENSE) + len(columns.HISTORY) + len(columns.RATES)
    FIELDS = columns.IDS

    def _dense_columns(self) -> list[slice]:
        if self._dense != len(columns.DENSE) + len(columns.RATES):
            return super()._dense_columns()
        first = len(columns.LABELS)
        end = first + self.DENSE
        return [slice(first, first + len(columns.DENSE)), slice(end - len(columns.RATES), end)]
