"""Every row's prediction, kept while a model is evaluated and written as one table."""

from __future__ import annotations

import os
from collections.abc import Callable
from typing import Any

import numpy as np

from engine.errors import UserError


class Predictions:
    """Collects each task's predictions, in the order of the rows."""

    def __init__(self):
        self._columns: dict[str, list[np.ndarray]] = {}

    def around(self, session: Any) -> Callable[[Any, Any], dict]:
        """Returns an evaluation step that also keeps the predictions of its batch."""

        def step(batch: Any, clock: Any) -> dict:
            for name, values in session.predict(batch).items():
                self._columns.setdefault(name, []).append(values)
            return session.infer_step(batch, clock)

        return step

    def save(self, path: str, epoch: int | None) -> None:
        """Writes ``.csv`` (a column a task, named) or ``.npy`` (``[rows, tasks]``).

        Args:
            path: the file; its folder is made if need be.
            epoch: put before the file's ending, where several epochs are evaluated.

        Raises:
            UserError: the file cannot be written.
        """
        stem, ending = os.path.splitext(path)
        path = path if epoch is None else f"{stem}.{epoch}{ending}"
        table = np.stack([np.concatenate(values) for values in self._columns.values()], axis=1)
        try:
            os.makedirs(os.path.dirname(path), exist_ok=True)
            if ending == ".npy":
                np.save(path, table)
            else:
                header = ",".join(self._columns)
                np.savetxt(path, table, fmt="%.9g", delimiter=",", header=header, comments="")
        except OSError as error:
            raise UserError(f"cannot write {path}: {error.strerror or error}") from error
