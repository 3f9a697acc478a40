"""The labels and sample weights that a reader yields after the inputs of an exported model."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from engine.deployment.exported_model.model import ExportedModel
from engine.system.errors import UserError

Arrays = dict[str, np.ndarray]


@dataclass(frozen=True)
class LabelFields:
    """The fields of a row after the inputs: one label a task, then one weight a column.

    Attributes:
        tasks: the tasks in the order of the labels.
        weight_columns: the column of each task's sample weights, None without; empty: no weights.
    """

    tasks: Sequence[str]
    weight_columns: Sequence[str | None] = ()

    def split(self, batches: Sequence[Sequence[np.ndarray]]) -> tuple[Arrays, Arrays]:
        """Returns labels and sample weights ``[n]`` by task; both are empty without labels.

        Args:
            batches: each batch's fields after the inputs, ``[rows, ...]`` each.

        Raises:
            UserError: the number of fields is not that of labels, or of labels and weights.
        """
        columns = list(dict.fromkeys(name for name in self.weight_columns if name))
        number = len(self.tasks)
        numbers = sorted({len(fields) for fields in batches})
        if numbers in ([], [0]):
            return {}, {}
        if len(numbers) > 1 or numbers[0] not in (number, number + len(columns)):
            found = " or ".join(map(str, numbers))
            also = f", then one for each weight column: {', '.join(columns)}" if columns else ""
            raise UserError(
                f"the reader yields {found} labels per row, expected one for each of the "
                f"model's {number} tasks: {', '.join(self.tasks)}{also}"
            )
        joined = [np.concatenate(parts) for parts in zip(*batches)]
        flat = [array.reshape(len(array), -1)[:, 0] for array in joined]
        of_column = dict(zip(columns, flat[number:]))
        weights = {
            task: of_column[column]
            for task, column in zip(self.tasks, self.weight_columns)
            if column in of_column
        }
        return dict(zip(self.tasks, flat)), weights


def fields_of(model: ExportedModel, outputs: Sequence[str]) -> LabelFields:
    """Returns the fields of a model's rows after the inputs.

    Args:
        model: the model.
        outputs: the names of its outputs, which are the tasks if the metadata name none.
    """
    return LabelFields(model.metadata.get("tasks") or outputs, model.weight_columns())
