"""The log lines of a run, in PaddleRec's form, with a progress bar and curves for VisualDL."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from tqdm import tqdm

from engine.distributed import processes
from engine.evaluation.visual import Visual
from engine.system import logs
from engine.system.clock import Clock

logger = logging.getLogger(__name__)


class RunLog:
    """Logs the intervals, evaluations and epochs of a run.

    Args:
        clock: the run's clock; an interval's time is a difference of its seconds.
        interval: batches between two lines.
        total: batches in an epoch; None if unknown.
        visual: VisualDL's records; None for none.
        first_step: steps that earlier runs have taken; a resumed run's curves continue there.

    Attributes:
        epoch: the current epoch.
        shown: the values that the model wanted to show of the last batch.
    """

    def __init__(
        self,
        clock: Clock,
        interval: int,
        total: int | None,
        visual: Visual | None = None,
        first_step: int = 0,
    ):
        self._clock = clock
        self._interval = interval
        self._total = total
        self._visual = visual
        self._bar = None
        self._step = first_step
        self.shown: Mapping[str, Any] = {}

    def start_epoch(self, epoch: int, batches: int = 0) -> None:
        """Begins an epoch and its progress bar.

        Args:
            epoch: its number.
            batches: the epoch's batches that an earlier run has done.
        """
        self.epoch = epoch
        self._batches = batches
        self._began = self._clock.total()
        self._start_interval()
        if sys.stderr.isatty() and not logs.is_quiet() and processes.current().rank == 0:
            self._bar = tqdm(
                total=self._total,
                desc=f"epoch {epoch}",
                unit="batch",
                leave=False,
                initial=batches,
            )

    @property
    def batches(self) -> int:
        """The batches of this epoch that are done."""
        return self._batches

    @property
    def steps(self) -> int:
        """The steps that are done, including those of earlier runs."""
        return self._step

    def count(self, rows: int) -> bool:
        """Counts a finished batch; returns whether a line is due."""
        self._rows += rows
        self._batches += 1
        self._step += 1
        if self._bar:
            self._bar.update()
        return (self._batches - 1) % self._interval == 0

    def line(self, metrics: Mapping[str, Any], shown: Mapping[str, Any], rate: float) -> None:
        """Logs the interval that ends with the last counted batch."""
        batches = self._batches - self._first
        read = (self._clock.seconds["read"] - self._read) / batches
        cost = max(self._clock.total() - self._started, 1e-9)
        values = {**metrics, **shown}
        text = "".join(f"{name}:{_text(value)}, " for name, value in values.items())
        logger.info(
            f"epoch: {self.epoch}, batch_id: {self._batches - 1}, {text}"
            f"avg_reader_cost: {read:.5f} sec, avg_batch_cost: {cost / batches:.5f} sec, "
            f"avg_samples: {self._rows / batches:.5f}, ips: {self._rows / cost:.5f} ins/s"
        )
        if self._visual:
            speed = {"learning_rate": rate, "ips": self._rows / cost}
            self._visual.scalars({**values, **speed}, self._step)
        self._start_interval()

    def validation(self, metrics: Mapping[str, Any], seconds: float) -> None:
        """Logs an evaluation after the last counted batch."""
        text = "".join(f"{name}: {_text(value)}, " for name, value in metrics.items())
        place = f"epoch: {self.epoch}, batch_id: {self._batches - 1}"
        line = f"valid: {place}, {text}valid time: {seconds:.2f} s"
        logger.info(line, extra=logs.RESULT)
        if self._visual:
            named = {f"valid_{name}": value for name, value in metrics.items()}
            self._visual.scalars(named, self._step)

    def end_epoch(self, metrics: Mapping[str, Any], skipped: int = 0) -> None:
        """Logs an epoch's final metrics, its skipped steps and its time."""
        self.close()
        text = "".join(f"{name}: {_text(value)}, " for name, value in metrics.items())
        if skipped:
            text += f"skipped: {skipped} batches, "
        seconds = self._clock.total() - self._began
        line = f"epoch: {self.epoch} done, {text}epoch time: {seconds:.2f} s"
        logger.info(line, extra=logs.RESULT)

    def close(self) -> None:
        """Removes the progress bar."""
        if self._bar:
            self._bar.close()
            self._bar = None

    def _start_interval(self) -> None:
        self._first = self._batches
        self._rows = 0
        self._started = self._clock.total()
        self._read = self._clock.seconds["read"]


def _text(value: Any) -> str:
    array = np.asarray(value)
    return f"{array.item():.6f}" if array.size == 1 else " ".join(str(array).split())
