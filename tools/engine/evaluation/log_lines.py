"""What a person sees of a run: PaddleRec's log lines, a progress bar, VisualDL's records."""

from __future__ import annotations

import logging
import sys
from collections.abc import Mapping
from typing import Any

import numpy as np
from tqdm import tqdm
from tqdm.contrib.logging import logging_redirect_tqdm

from engine.config.config import SEARCH, Config
from engine.config.runner_keys import RUNNER
from engine.distributed import processes
from engine.system.clock import Clock
from engine.system.errors import UserError

logger = logging.getLogger(__name__)


def start_logging() -> None:
    """Logs to standard error in the form that PaddleRec's users parse."""
    logging.basicConfig(
        format="%(asctime)s - %(levelname)s - %(message)s", level=logging.INFO, force=True
    )


def log_config(config: Config) -> None:
    """Logs every key of the configuration, and the defaults of ``runner.*`` keys not in it."""
    shown = {f"runner.{name}": key.default for name, key in RUNNER.items()}
    shown = {key: value for key, value in shown.items() if isinstance(value, (bool, int, str))}
    shown.update((key, value) for key, value in config.items() if not key.startswith(SEARCH))
    width = max(map(len, shown))
    lines = [f"{key:<{width}}  {value}" for key, value in sorted(shown.items())]
    logger.info("configuration\n%s", "\n".join(lines))


class Report:
    """The log lines and pictures of a run over some epochs.

    Args:
        clock: the run's clock; intervals are differences of its seconds.
        interval: batches between two lines.
        total: batches in an epoch, or None if unknown.
        visual: where the scalars go, or None.
        first_step: steps that earlier runs have taken; a resumed run's curves go on there.

    Attributes:
        epoch: the epoch that was started last.
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

    def start_epoch(self, epoch: int, batches: int = 0) -> None:
        """Begins an epoch's lines and its progress bar.

        Args:
            epoch: its number.
            batches: how many of its batches an earlier run has done.
        """
        self.epoch = epoch
        self._batches = batches
        self._began = self._clock.total()
        self._start_interval()
        if sys.stderr.isatty() and processes.current().rank == 0:
            self._bar = tqdm(
                total=self._total,
                desc=f"epoch {epoch}",
                unit="batch",
                leave=False,
                initial=batches,
            )

    @property
    def batches(self) -> int:
        """How many of the epoch's batches are done."""
        return self._batches

    @property
    def steps(self) -> int:
        """How many steps are done, those of earlier runs included."""
        return self._step

    def count(self, rows: int) -> bool:
        """Counts a finished batch; True if a line is due."""
        self._rows += rows
        self._batches += 1
        self._step += 1
        if self._bar:
            self._bar.update()
        return (self._batches - 1) % self._interval == 0

    def line(self, metrics: Mapping[str, Any], shown: Mapping[str, Any], rate: float) -> None:
        """Logs the interval that ends with the batch last counted."""
        batches = self._batches - self._first
        read = (self._clock.seconds["read"] - self._read) / batches
        cost = max(self._clock.total() - self._started, 1e-9)
        values = {**metrics, **shown}
        text = "".join(f"{name}:{_text(value)}, " for name, value in values.items())
        self._log(
            f"epoch: {self.epoch}, batch_id: {self._batches - 1}, {text}"
            f"avg_reader_cost: {read:.5f} sec, avg_batch_cost: {cost / batches:.5f} sec, "
            f"avg_samples: {self._rows / batches:.5f}, ips: {self._rows / cost:.5f} ins/s"
        )
        if self._visual:
            speed = {"learning_rate": rate, "ips": self._rows / cost}
            self._visual.scalars({**values, **speed}, self._step)
        self._start_interval()

    def validation(self, metrics: Mapping[str, Any], seconds: float) -> None:
        """Logs what an evaluation after the batch last counted has found."""
        text = "".join(f"{name}: {_text(value)}, " for name, value in metrics.items())
        place = f"epoch: {self.epoch}, batch_id: {self._batches - 1}"
        self._log(f"valid: {place}, {text}valid time: {seconds:.2f} s")
        if self._visual:
            named = {f"valid_{name}": value for name, value in metrics.items()}
            self._visual.scalars(named, self._step)

    def end_epoch(self, metrics: Mapping[str, Any], skipped: int = 0) -> None:
        """Logs the epoch's final metrics, steps that were skipped, and the time it took."""
        self.close()
        text = "".join(f"{name}: {_text(value)}, " for name, value in metrics.items())
        if skipped:
            text += f"skipped: {skipped} batches, "
        seconds = self._clock.total() - self._began
        self._log(f"epoch: {self.epoch} done, {text}epoch time: {seconds:.2f} s")

    def close(self) -> None:
        """Takes the progress bar away."""
        if self._bar:
            self._bar.close()
            self._bar = None

    def _start_interval(self) -> None:
        self._first = self._batches
        self._rows = 0
        self._started = self._clock.total()
        self._read = self._clock.seconds["read"]

    def _log(self, line: str) -> None:
        if not self._bar:
            logger.info(line)
            return
        with logging_redirect_tqdm():
            logger.info(line)


def _text(value: Any) -> str:
    array = np.asarray(value)
    return f"{array.item():.6f}" if array.size == 1 else str(array)


class Visual:
    """Writes scalars for ``visualdl --logdir <folder>``.

    Raises:
        UserError: VisualDL is not installed.
    """

    def __init__(self, folder: str):
        try:
            from visualdl import LogWriter
        except ImportError as error:
            raise UserError(
                "runner.use_visual = True needs VisualDL: pip install -r requirements-visual.txt"
            ) from error
        try:
            self._writer = LogWriter(folder)
        except OSError as error:
            raise UserError(f"runner.visual_dir: cannot write {folder}: {error}") from error

    def scalars(self, values: Mapping[str, Any], step: int) -> None:
        """Records the values that are single numbers."""
        for name, value in values.items():
            array = np.asarray(value)
            if array.size == 1:
                self._writer.add_scalar(tag=name, value=float(array.item()), step=step)

    def image(self, name: str, pixels: np.ndarray) -> None:
        """Records a picture, ``[height, width, 3]`` bytes."""
        self._writer.add_image(tag=name, img=pixels, step=0)

    def close(self) -> None:
        """Writes what is still buffered."""
        self._writer.close()
