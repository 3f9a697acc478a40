"""The reader of the prepared Adult table."""

from __future__ import annotations

from collections.abc import Sequence

from datasets.adult.columns import LABEL_NAMES, NUMBER_LABEL, NUMERICS
from datasets.readers import checks
from datasets.readers.field_matrix import FieldDataset

_DENSE = "hyper_parameters.dense_input_dim"


class RecDataset(FieldDataset):
    """Rows of 6 numerics, 9 ids and one label a task.

    Label column 0 is an income over 50,000 dollars, column 1 is that a person has been married,
    column 2 is the hours per week. The hours are also the last numeric, so a task of column 2 needs
    ``dense_input_dim`` of at most 5.

    Raises:
        ValueError: also if a task predicts the hours, and they are an input.
    """

    LABELS = LABEL_NAMES
    NUMBERS = (NUMBER_LABEL,)
    PREPARE = "datasets/adult/run.sh"
    DENSE = len(NUMERICS)

    def __init__(self, file_list: Sequence[str], config):
        super().__init__(file_list, config)
        place = NUMERICS.index(NUMBER_LABEL)
        if self._dense > place and any(label.name == NUMBER_LABEL for label in self._tasks):
            because = f"a task predicts {NUMBER_LABEL}, which is number {place + 1}"
            checks.fail(_DENSE, f"an integer from 0 to {place}, because {because}", self._dense)
