"""Collects every row's predictions during evaluation and writes them as a table."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping, Sequence
from itertools import zip_longest
from typing import Any

import numpy as np

from engine.distributed.processes import World
from engine.graphs.session import Session
from engine.system import atomic_files, logs
from engine.system.clock import Clock
from engine.system.errors import UserError

ENDINGS = (".csv", ".npy", ".parquet")


class Predictions:
    """Collects each task's predictions, in the order of the rows.

    Args:
        labels: whether to collect labels, too.
        weights: whether to collect sample weights, too.
    """

    def __init__(self, labels: bool = False, weights: bool = False):
        self._columns: dict[str, list[np.ndarray]] = {}
        self._labels: dict[str, list[np.ndarray]] | None = {} if labels else None
        self._weights: dict[str, list[np.ndarray]] | None = {} if weights else None

    def collecting_step(self, session: Session) -> Callable[[Any, Clock], dict]:
        """Returns an evaluation step that also collects the predictions of its batch."""

        def step(batch: Any, clock: Clock) -> dict:
            if self._labels is not None:
                _add(self._labels, session.labels(batch))
            if self._weights is not None:
                _add(self._weights, sample_weights(session, batch))
            _add(self._columns, session.predict(batch))
            return session.infer_step(batch, clock)

        return step

    def gather(self, world: World) -> None:
        """Collects the predictions of all processes, whose batches alternate.

        All processes must call it, also one that had no batch.
        """
        if world.size == 1:
            return
        for collected in (self._columns, self._labels, self._weights):
            if collected is None:
                continue
            of_ranks = world.all_gather(collected)
            for name, batches in collected.items():
                batches[:] = in_order([columns.get(name, []) for columns in of_ranks])

    @property
    def columns(self) -> dict[str, np.ndarray]:
        """Every row's predictions by name, ``[rows]`` each."""
        return {name: np.concatenate(values) for name, values in self._columns.items()}

    @property
    def labels(self) -> dict[str, np.ndarray]:
        """Every row's label by task, ``[rows]`` each; see `Session.labels`."""
        return {name: np.concatenate(values) for name, values in (self._labels or {}).items()}

    @property
    def weights(self) -> dict[str, np.ndarray] | None:
        """Every row's sample weight by task, ``[rows]`` each; None if they are not collected."""
        if self._weights is None:
            return None
        return {name: np.concatenate(values) for name, values in self._weights.items()}

    def save(self, path: str, epoch: int | None) -> None:
        """Writes the predictions with one column for each task; see `write`.

        Args:
            path: the file; a missing folder is created.
            epoch: inserted before the file's ending if several epochs are evaluated, else None.

        Raises:
            UserError: the file cannot be written.
        """
        stem, ending = os.path.splitext(path)
        path = path if epoch is None else f"{stem}.{epoch}{ending}"
        write(path, self.columns)


def _add(collected: dict[str, list[np.ndarray]], arrays: Mapping[str, np.ndarray]) -> None:
    for name, values in arrays.items():
        collected.setdefault(name, []).append(values)


def in_order(of_ranks: Sequence[Sequence[Any]]) -> list:
    """Returns the batches of all processes, which alternate, in the order of the rows."""
    return [batch for step in zip_longest(*of_ranks) for batch in step if batch is not None]


def sample_weights(session: Session, batch: Any) -> Mapping[str, np.ndarray]:
    """Returns each task's sample weights, for ``runner.weighted_metrics``.

    Raises:
        UserError: the model has none.
    """
    weights = session.weights(batch)
    if weights is None:
        raise UserError(
            "runner.weighted_metrics = True: no sample weights are declared; set "
            "hyper_parameters.table.sample_weight, or sample_weight of a task"
        )
    return weights


def check(path: str) -> None:
    """Checks before any work that a table can be written to ``path``.

    Raises:
        UserError: the ending is unknown, a package is not installed, or the folder cannot be
            created.
    """
    ending = os.path.splitext(path)[1]
    if ending not in ENDINGS:
        raise UserError(f"{path}: expected a name that ends in {', '.join(ENDINGS)}")
    if ending == ".parquet":
        try:
            import pyarrow.parquet  # noqa: F401
        except ImportError as error:  # not installed, or built for another NumPy
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
            header = ",".join(map(_csv_cell, columns))
            form = {"fmt": "%.9g", "delimiter": ",", "comments": "", "encoding": "utf-8"}
            np.savetxt(building, table, header=header, **form)
    logs.wrote("predictions", path)


def _csv_cell(name: str) -> str:
    """Returns a column's name as CSV has it: names of classes may contain commas."""
    quoted = name.replace('"', '""')
    return f'"{quoted}"' if set(name) & set(',"\r\n') else name
