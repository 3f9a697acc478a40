"""The session of a model folder's DygraphModel in one of several processes."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from typing import Any

import numpy as np
import paddle

from engine.config.config import Config
from engine.data.sources import Source
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
    """Trains or evaluates a DygraphModel together with other processes.

    A scalar loss is taken as the mean over the batch's rows, so each process's gradients are
    weighted by its fraction of the step's rows. In a model with ``weight_sums`` a task may count
    in some rows only, or have sample weights. A loss of several numbers has one number a row, and
    its gradients are summed.

    Args:
        config: the configuration.
        training: whether the session trains; if not, it evaluates.
        world: the processes.
    """

    def __init__(self, config: Config, training: bool, world: FleetWorld):
        super().__init__(config)
        self._world = world
        self._training = training
        self._exchange = GradientExchange(self.net.parameters(), world)
        self._own_rows, self._total_rows = 0, 1  # of the step: this process's, and all
        problem = metric_counts.unsupported_metrics(self._metrics, self.metric_names)
        if problem and not training:
            raise UserError(problem)
        if problem and world.rank == 0:
            logger.warning(problem)

    def batches(self, source: Source, epoch: int) -> Iterator[tuple[Any, int]]:
        """Yields this process's batches, each with the step's number of rows in all processes.

        A process without rows in the last step gets one row of weight 0 in training, and None in
        evaluation.
        """
        step = 0
        for batches in self._batch_lists(source, epoch):
            counts = [source.row_counts(epoch, step + place) for place in range(len(batches))]
            feeds = [batch for batch, _ in batches]
            if self._training:
                feeds = self._weighted(feeds, np.array(counts, np.float64))
            for batch, (self._own_rows, self._total_rows) in zip(feeds, counts):
                yield (batch if self._own_rows or self._training else None), self._total_rows
            step += len(batches)

    def _weighted(self, batches: list, counts: np.ndarray) -> list:
        """Returns batches whose rows have the weights that they would have in one process.

        A model that divides each task's loss by a sum of weights offers these sums. Gradients are
        averaged by rows afterwards, so a process's weights are multiplied by what its rows and its
        sum lack to the rows and the sum of all. Where all rows count alike, that is exactly 1.

        Args:
            batches: the batches of a block.
            counts: ``[batches, 2]``: each step's rows in this process, and in all.
        """
        weight_sums = getattr(self._contract, "weight_sums", None)
        if weight_sums is None:
            return batches
        own, total = counts[:, :1], counts[:, 1:]
        sums = np.where(own > 0, weight_sums(self.net, batches), 0.0)
        (of_all,) = self._world.all_reduce([sums])
        defined = (own > 0) & (of_all > 0)
        factors = np.where(defined, sums * total, 1.0) / np.where(defined, of_all * own, 1.0)
        return [
            batch if (each == 1).all() else self._contract.reweighted(self.net, batch, each)
            for batch, each in zip(batches, factors)
        ]

    def train_step(self, batch: Any, clock: Clock) -> dict[str, Any]:
        """Takes one optimizer step with all processes; returns the values to show, of its rows."""
        before = [] if self._own_rows else self._copy_metrics()
        arguments = (self.net, self._metrics, batch, self._settings)
        loss, self._metrics, shown = self._guarded_forward(*arguments)
        fault = self._check_loss(loss)
        clock.lap("forward")
        if fault is None:
            loss.backward()
        signals = [interrupts.received() == each for each in interrupts.SIGNALS]
        report = self._exchange(self._weight(loss), fault is not None, signals)
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
        """Checks the losses of all processes that were collected on a GPU and not yet read.

        Raises:
            NotFinite: one of them is NaN or infinite.
        """
        fault = self._check_loss.pending()
        if any(self._world.all_gather(fault is not None)):
            raise fault or finite_check.NotFinite(float("nan"), elsewhere=True)

    def _weight(self, loss: Any) -> float:
        """Returns the weight of this process's gradients."""
        if loss.detach().size == 1:
            return self._own_rows / self._total_rows
        return float(self._own_rows > 0)

    def _copy_metrics(self) -> list[dict[str, np.ndarray]]:
        states = [metric_counts.get_state(metric) for metric in self._metrics]
        return [{name: np.array(value) for name, value in state.items()} for state in states]

    def metrics(self) -> dict[str, Any]:
        """Returns the metrics of the epoch so far, over the rows of all processes, by name."""
        values = metric_counts.values_over_ranks(self._world, self._metrics)
        return dict(zip(self.metric_names, values))

    def mean_over_processes(self, shown: dict[str, Any]) -> dict[str, Any]:
        """Returns the last step's shown values as their mean over the rows of all processes."""
        share = self._own_rows / self._total_rows
        return processes.mean_over_ranks(self._world, shown, share)

    def fit_inputs(self, source: Source) -> None:
        """Sets the parameters that are computed from the training data, on rank 0 only."""
        if self._world.rank == 0:
            super().fit_inputs(source)

    def synchronise(self) -> None:
        """Copies the parameters and buffers of rank 0 to all processes."""
        for tensor in self.net.state_dict().values():
            with processes.lost_processes(), paddle.no_grad():
                paddle.distributed.broadcast(tensor, 0)
