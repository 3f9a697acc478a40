"""A model folder's DygraphModel, one of several processes' share of each step."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
import paddle

from engine.config.config import Config
from engine.data.sources import ModelSource, Source
from engine.distributed import metric_counts, processes
from engine.distributed.gradients import GradientExchange
from engine.distributed.processes import FleetWorld
from engine.graphs import finite_check
from engine.graphs.dygraph import DygraphSession
from engine.system import interrupts
from engine.system.clock import Clock
from engine.system.errors import UserError

logger = logging.getLogger(__name__)


class FleetSession(DygraphSession):
    """Trains or evaluates with other processes.

    A step's loss is taken for the mean over its rows: each process's gradients count by its share
    of the step's rows. A loss of several numbers is one a row, which are added up.

    Args:
        config: the configuration.
        training: whether it trains.
        world: the processes.
    """

    def __init__(self, config: Config, training: bool, world: FleetWorld):
        super().__init__(config)
        self._world = world
        self._training = training
        self._exchange = GradientExchange(self.net.parameters(), world)
        self._own, self._total = 0, 1  # rows of the step, this process's and all
        problem = metric_counts.not_summable(self._metrics, self.metric_names)
        if problem and not training:
            raise UserError(problem)
        if problem and world.rank == 0:
            logger.warning(problem)

    def batches(self, source: Source, epoch: int) -> Iterator[tuple[Any, int]]:
        """Yields this process's batches, each with the rows of all processes' batches.

        A process without rows in the last step gets one row to train on, without weight, or None
        to evaluate.
        """
        if isinstance(source, ModelSource):
            source = source.reader()
        for step, (batch, _) in enumerate(super().batches(source, epoch)):
            self._own, self._total = source.row_counts(epoch, step)
            yield (batch if self._own or self._training else None), self._total

    def train_step(self, batch: Any, clock: Clock) -> dict[str, Any]:
        """Takes one optimizer step together; returns what the model wants shown, of its rows."""
        before = [] if self._own else self._kept_metrics()
        loss, self._metrics, shown = self._forward(self.net, self._metrics, batch, self._settings)
        fault = self._check_loss(loss)
        clock.lap("forward")
        if fault is None:
            loss.backward()
        asked = [interrupts.received() == each for each in interrupts.SIGNALS]
        report = self._exchange(self._weight(loss), fault is not None, asked)
        for number, count in zip(interrupts.SIGNALS, report.signals):
            if count:
                interrupts.end_by(number)
        clock.lap("backward")
        if report.faults:
            self._optimizer.clear_grad()
            shown = self._not_finite(
                fault or finite_check.NotFinite(float("nan"), elsewhere=True), batch
            )
        else:
            self._step()
            self._optimizer.clear_grad()
        for metric, state in zip(self._metrics, before):
            metric_counts.set_state(metric, state)
        clock.lap("optimizer")
        return shown or {}

    def check_pending_losses(self) -> None:
        """Checks losses that were collected on a GPU and not yet read, of all processes.

        Raises:
            NotFinite: one of them is NaN or infinite.
        """
        fault = self._check_loss.pending()
        if any(self._world.all_gather(fault is not None)):
            raise fault or finite_check.NotFinite(float("nan"), elsewhere=True)

    def _weight(self, loss: Any) -> float:
        """Returns what this process's gradients count by."""
        return self._own / self._total if loss.detach().size == 1 else float(self._own > 0)

    def _kept_metrics(self) -> list[dict[str, np.ndarray]]:
        states = [metric_counts.state_of(metric) for metric in self._metrics]
        return [{name: np.array(value) for name, value in state.items()} for state in states]

    def metrics(self) -> dict[str, Any]:
        """Returns the metrics of all processes' rows of the epoch so far, by name."""
        return dict(zip(self.metric_names, metric_counts.values(self._world, self._metrics)))

    def mean_over_processes(self, shown: dict[str, Any]) -> dict[str, Any]:
        """Returns what the last step showed, as the mean over all processes' rows."""
        return processes.mean(self._world, shown, self._own / self._total)

    def fit_inputs(self, source: Source) -> None:
        """Sets what the model computes from its training data; rank 0 does it for all."""
        if self._world.rank == 0:
            super().fit_inputs(source)

    def synchronise(self) -> None:
        """Gives all processes the parameters and buffers of rank 0."""
        for tensor in self.net.state_dict().values():
            with processes.lost_processes(), paddle.no_grad():
                paddle.distributed.broadcast(tensor, 0)
