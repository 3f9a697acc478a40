"""A loss that is no number any more: noticed in its step, and said of which task and which rows."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Callable, Optional

import numpy as np
import paddle

from engine.data.batches import Source
from engine.system.errors import UserError

Watch = Callable[[paddle.Tensor], Optional["NotFinite"]]

_TOGETHER = 64  # losses read at once from a GPU: reading one makes the step wait for it
_LOOKED_OVER = 1_000_000  # parameters; to add them up takes half a millisecond
_NAMED = 3  # rows whose places an error gives


class NotFinite(Exception):  # noqa: N818  (what happened; the error that a person reads follows)
    """A step's loss is NaN or infinite.

    Args:
        value: the loss.
        steps_ago: how many steps were taken since.
        row_losses: each task's loss in each row, if the model can say.
        elsewhere: it is the loss of another process.
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


def watch(on_nan: str, device: str) -> Watch:
    """Returns what looks at each step's loss, and returns a `NotFinite` where it is none.

    On the CPU, and to skip a step, it looks before the step is taken. On a GPU that would make
    every step wait, so there it looks every some steps, at all of them.

    Args:
        on_nan: ``runner.on_nan``.
        device: ``cpu`` or ``gpu``.
    """
    if on_nan == "ignore":
        return lambda loss: None
    if device == "cpu" or on_nan == "skip":
        return look
    pending: list[paddle.Tensor] = []

    def collect(loss: paddle.Tensor) -> NotFinite | None:
        pending.append(loss.detach().sum())
        if len(pending) < _TOGETHER:
            return None
        values = paddle.stack(pending).numpy()
        pending.clear()
        bad = np.flatnonzero(~np.isfinite(values))
        return NotFinite(float(values[bad[0]]), len(values) - 1 - int(bad[0])) if len(bad) else None

    return collect


def look(loss: Any) -> NotFinite | None:
    """Returns a `NotFinite` if a loss, tensor or array, is none."""
    try:
        value = loss.item()
    except ValueError:  # one loss a row, which Paddle adds up
        value = float(loss.sum().item())
    return None if math.isfinite(value) else NotFinite(value)


def error(fault: NotFinite, source: Source, epoch: int, batches: int) -> UserError:
    """Returns what a person reads: where it was, and whose loss it is.

    Args:
        fault: what was found.
        source: where the batches come from.
        epoch: the epoch.
        batches: how many of its batches were done before the step that found it.
    """
    batch = batches - fault.steps_ago
    told = f"epoch: {epoch}, batch_id: {batch}: the loss is {fault.value}"
    rows = None
    if fault.row_losses:
        bad = {name: ~np.isfinite(each) for name, each in fault.row_losses.items()}
        tasks = [name for name, each in bad.items() if each.any()]
        if tasks:
            found = np.any(list(bad.values()), axis=0)
            rows = np.flatnonzero(found)
            count = "all" if found.all() else f"{len(rows)} of"
            told += f", of task {' and '.join(tasks)}, in {count} {len(found)} rows"
    place = getattr(source, "place", None)
    where = place(epoch, batch, rows, _NAMED) if place else None
    if where:
        told += f": {where}"
    return UserError(f"{told} (runner.on_nan = stop)")


class ParameterCheck:
    """Looks whether training has left a parameter that is no number.

    The loss need not show it: a ReLU makes 0 of NaN, and the net then learns nothing more.

    Args:
        session: what is trained.
        on_nan: ``runner.on_nan``.
    """

    def __init__(self, session: Any, on_nan: str):
        self._session = session
        self._active = on_nan != "ignore"
        sizes = [math.prod(shape) for shape in session.shapes().values()]
        self._small = sum(sizes) <= _LOOKED_OVER

    def at_line(self, epoch: int, batch: int) -> None:
        """Looks when a line is logged, if the net is so small that it takes no time.

        Raises:
            UserError: see `at_end`.
        """
        if self._small:
            self.at_end(epoch, batch)

    def at_end(self, epoch: int, batch: int) -> None:
        """Looks whatever the net's size.

        Raises:
            UserError: a parameter is not finite after a batch.
        """
        if not self._active:
            return
        for name, array in self._session.parameters().items():
            # In float64 the sum of finite float32 numbers is finite, and it takes no memory.
            if array.dtype.kind == "f" and not np.isfinite(array.sum(dtype=np.float64)):
                raise UserError(
                    f"epoch: {epoch}, batch_id: {batch}: parameter {name} is NaN or infinite after "
                    "this batch, and perhaps since an earlier one; nothing was saved "
                    "(runner.on_nan)"
                )
