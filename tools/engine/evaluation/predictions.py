"""Every row's prediction, kept while a model is evaluated and written as one table."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from itertools import zip_longest
from typing import Any

import numpy as np

from engine.distributed.processes import World
from engine.system import atomic_files
from engine.system.errors import UserError

ENDINGS = (".csv", ".npy", ".parquet")


class Predictions:
    """Collects each task's predictions, in the order of the rows.

    Args:
        labels: whether labels are kept, too.
    """

    def __init__(self, labels: bool = False):
        self._columns: dict[str, list[np.ndarray]] = {}
        self._labels: dict[str, list[np.ndarray]] | None = {} if labels else None

    def keeping(self, session: Any) -> Callable[[Any, Any], dict]:
        """Returns an evaluation step that also keeps the predictions of its batch."""

        def step(batch: Any, clock: Any) -> dict:
            if self._labels is not None:
                for name, values in session.labels(batch).items():
                    self._labels.setdefault(name, []).append(values)
            for name, values in session.predict(batch).items():
                self._columns.setdefault(name, []).append(values)
            return session.infer_step(batch, clock)

        return step

    def join(self, world: World) -> None:
        """Takes the predictions of all processes, whose batches follow each other in turn.

        A process without a batch takes part, too: the others wait for it.
        """
        if world.size == 1:
            return
        for kept in (self._columns, self._labels):
            if kept is None:
                continue
            found = world.all_gather(kept)
            for name, batches in kept.items():
                parts = [columns.get(name, []) for columns in found]
                turns = zip_longest(*parts)
                batches[:] = [each for turn in turns for each in turn if each is not None]

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """Every row's predictions by name, ``[rows]`` each."""
        return {name: np.concatenate(values) for name, values in self._columns.items()}

    @property
    def labels(self) -> dict[str, np.ndarray]:
        """Every row's label by task, ``[rows]`` each; negative where a row does not count."""
        return {name: np.concatenate(values) for name, values in (self._labels or {}).items()}

    def save(self, path: str, epoch: int | None) -> None:
        """Writes the predictions, a column a task; see `write`.

        Args:
            path: the file; its folder is made if need be.
            epoch: put before the file's ending, where several epochs are evaluated.

        Raises:
            UserError: the file cannot be written.
        """
        stem, ending = os.path.splitext(path)
        path = path if epoch is None else f"{stem}.{epoch}{ending}"
        write(path, self.columns)


def check(path: str) -> None:
    """Makes sure, before anything is computed, that a table can be written as ``path`` asks.

    Raises:
        UserError: its ending is unknown, what writes it is not installed, or its folder cannot be
            made.
    """
    ending = os.path.splitext(path)[1]
    if ending not in ENDINGS:
        raise UserError(f"{path}: expected a name that ends in {', '.join(ENDINGS)}")
    if ending == ".parquet":
        try:
            import pyarrow.parquet  # noqa: F401
        except ImportError as error:  # not installed, or not for this NumPy
            raise UserError(
                f"{path} needs pyarrow: pip install -r requirements-deploy.txt ({error})"
            ) from error
    atomic_files.check_writable(os.path.dirname(os.path.abspath(path)))


def write(path: str, columns: Mapping[str, np.ndarray]) -> None:
    """Writes named columns: ``.csv`` and ``.parquet`` keep the names, ``.npy`` is ``[rows, n]``.

    Raises:
        UserError: the file cannot be written.
    """
    check(path)
    ending = os.path.splitext(path)[1]
    with atomic_files.writing(path) as building:
        if ending == ".npy":
            np.save(building, np.stack(list(columns.values()), axis=1))
        elif ending == ".parquet":
            import pyarrow
            import pyarrow.parquet

            pyarrow.parquet.write_table(pyarrow.table(dict(columns)), building)
        else:
            table = np.stack(list(columns.values()), axis=1)
            header = ",".join(columns)
            np.savetxt(building, table, fmt="%.9g", delimiter=",", header=header, comments="")
