"""Checks that losses and parameters are finite, and names the tasks and rows at fault."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

import numpy as np
import paddle

from engine.data.sources import Source
from engine.system.errors import UserError

if TYPE_CHECKING:
    from engine.graphs.session import Session

_READ_TOGETHER = 64  # losses read at once from a GPU: to read one, the step must wait for it
_SMALL_NET = 1_000_000  # parameters; summing them takes half a millisecond
_NAMED_ROWS = 3  # rows whose file and line an error names


class NotFinite(Exception):  # noqa: N818  (`error` makes the message for the user)
    """A step's loss is NaN or infinite.

    Args:
        value: the loss.
        steps_ago: the number of steps since the step of this loss.
        row_losses: each task's losses, ``[rows]`` each; None if they are unknown.
        elsewhere: whether the loss belongs to another process.
    """

    def __init__(
        self,
        value: float,
        steps_ago: int = 0,
        row_losses: Mapping[str, np.ndarray] | None = None,
        elsewhere: bool = False,
    ):
        super().__init__(value)
        self.value, self.steps_ago, self.row_losses = value, steps_ago, row_losses
        self.elsewhere = elsewhere


class LossCheck:
    """Checks each step's loss.

    On a CPU, and with ``runner.on_nan: skip``, it reads each loss before the optimizer's step. On
    a GPU this would make every step wait. There it collects the losses and reads 64 at once.

    Args:
        on_nan: ``runner.on_nan``.
        device: ``cpu`` or ``gpu``.
    """

    def __init__(self, on_nan: str, device: str):
        self._ignored = on_nan == "ignore"
        self._at_once = device == "cpu" or on_nan == "skip"
        self._pending: list[paddle.Tensor] = []

    def __call__(self, loss: paddle.Tensor) -> NotFinite | None:
        """Returns a `NotFinite` if this loss or a collected one is not finite."""
        if self._ignored:
            return None
        if self._at_once:
            return check_loss(loss)
        self._pending.append(loss.detach().sum())
        return self._read(0) if len(self._pending) >= _READ_TOGETHER else None

    def pending(self) -> NotFinite | None:
        """Reads the collected losses; returns a `NotFinite` if one of them is not finite."""
        return self._read(1) if self._pending else None

    def _read(self, steps_since: int) -> NotFinite | None:
        values = paddle.stack(self._pending).numpy()
        self._pending.clear()
        bad = np.flatnonzero(~np.isfinite(values))
        if not len(bad):
            return None
        steps_ago = len(values) - 1 - int(bad[0]) + steps_since
        return NotFinite(float(values[bad[0]]), steps_ago)


def check_loss(loss: Any) -> NotFinite | None:
    """Returns a `NotFinite` if a loss, tensor or array, is not finite."""
    try:
        value = loss.item()
    except ValueError:  # one loss for each row; Paddle's backward() sums them
        value = float(loss.sum().item())
    return None if math.isfinite(value) else NotFinite(value)


def error(fault: NotFinite, source: Source, epoch: int, batches: int) -> UserError:
    """Returns the user's error: it names epoch, batch and, where known, task, file and line.

    Args:
        fault: the loss.
        source: the source of the batches.
        epoch: the epoch.
        batches: the epoch's batches that were done when the loss was read.
    """
    batch = batches - fault.steps_ago
    text = f"epoch: {epoch}, batch_id: {batch}: the loss is {fault.value}"
    rows = None
    if fault.row_losses:
        bad = {name: ~np.isfinite(losses) for name, losses in fault.row_losses.items()}
        tasks = [name for name, rows_of_task in bad.items() if rows_of_task.any()]
        if tasks:
            any_task = np.any(list(bad.values()), axis=0)
            rows = np.flatnonzero(any_task)
            count = "all" if any_task.all() else f"{len(rows)} of"
            text += f", of task {' and '.join(tasks)}, in {count} {len(any_task)} rows"
    place = getattr(source, "place", None)
    where = place(epoch, batch, rows, _NAMED_ROWS) if place else None
    if where:
        text += f": {where}"
    return UserError(f"{text} (runner.on_nan = stop)")


class ParameterCheck:
    """Checks that all parameters are finite.

    The loss may stay finite when they are not: ReLU turns NaN into 0, and the net stops learning.

    Args:
        session: the session that is trained.
        on_nan: ``runner.on_nan``.
    """

    def __init__(self, session: Session, on_nan: str):
        self._session, self._on_nan = session, on_nan
        sizes = [math.prod(shape) for shape in session.shapes().values()]
        self._small = sum(sizes) <= _SMALL_NET

    def at_line(self, epoch: int, batch: int) -> None:
        """Checks a small net, at a log line: this takes almost no time.

        Raises:
            UserError: see `at_end`.
        """
        if self._small:
            self.at_end(epoch, batch)

    def at_end(self, epoch: int, batch: int) -> None:
        """Checks a net of any size.

        Raises:
            UserError: a parameter is not finite after this batch.
        """
        if self._on_nan == "ignore":
            return
        for name, array in self._session.parameters().items():
            # The sum is enough: finite float32 numbers have a finite sum in float64.
            if array.dtype.kind == "f" and not np.isfinite(array.sum(dtype=np.float64)):
                raise UserError(
                    f"epoch: {epoch}, batch_id: {batch}: parameter {name} is NaN or infinite after "
                    "this batch, and perhaps since an earlier one; this state was not saved, and "
                    f"earlier checkpoints did not change (runner.on_nan = {self._on_nan})"
                )
