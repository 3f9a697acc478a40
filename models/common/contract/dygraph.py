"""PaddleRec's DygraphModel, implemented once for every net."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import paddle

from models.common.contract.model import VALID_METRIC, MultiTaskModel
from models.common.contract.net import MultiTaskNet
from models.common.fast_step.step import FastStep
from models.common.layers import ops
from models.common.optimizers.optimizers import create_optimizer

logger = logging.getLogger(__name__)


class Feeds(NamedTuple):
    """A batch as the nets here take it.

    Attributes:
        inputs: the net's inputs as the reader yields them, or as `Inputs.scaled` makes them.
        labels: ``[tasks, n, 1]``, or a list with an entry a task if the net is not stacked.
        weights: each row's share of the loss, in the form of the labels; None if all count alike.
        truth: each task's labels ``[n, 1]``; see `TaskRows.truth`.
        columns: the reader's labels and sample weights; empty for rows to predict.
    """

    inputs: Sequence[paddle.Tensor]
    labels: paddle.Tensor | list[paddle.Tensor]
    weights: paddle.Tensor | list[paddle.Tensor] | None = None
    truth: Sequence[np.ndarray] = ()
    columns: Sequence[np.ndarray] = ()


class MultiTaskDygraphModel(MultiTaskModel):
    """PaddleRec's DygraphModel for a net and the tasks of a YAML."""

    _rows: int | None = None  # the rows of the batch that the row weights are for
    _fast_step: FastStep | None = None

    def create_model(self, config) -> MultiTaskNet:
        """Returns the net.

        Raises:
            ValueError: a hyper-parameter is out of range, or a subclass has its own
                ``create_loss``, which static graph would not call.
        """
        self._fast = config.get("runner.fast_step", True)
        if type(self).create_loss is not MultiTaskDygraphModel.create_loss:
            raise ValueError(
                f"{type(self).__name__}.create_loss: define loss(logits, labels, weights) in the "
                "net instead: both graphs call it"
            )
        if type(self).train_forward is not MultiTaskDygraphModel.train_forward:
            if self._fast:
                logger.info("%s has its own train_forward: no fast step", type(self).__name__)
            self._fast = False
        self._net = self.build_net(config)
        return self._net

    def create_feeds(self, batch, config) -> Feeds:
        """Returns a reader's batch as feeds, unscaled.

        A batch is the inputs, a label column a task, and the columns of sample weights.
        """
        inputs, columns = self._divided(batch)
        rows = len(inputs[0])
        (target,) = self._targets(columns, rows, rows)
        return Feeds(inputs, *target, columns)

    def prepare(self, net: MultiTaskNet, block: Sequence[np.ndarray], size: int) -> list[Feeds]:
        """Returns the rows of many batches as feeds whose inputs are scaled.

        Optional: work that does not depend on trained parameters is done once for many batches.
        """
        inputs, columns = self._divided(block)
        rows = len(inputs[0])
        targets = self._targets(columns, rows, size)
        with paddle.no_grad():
            parts = [_pieces(array, rows, size) for array in net.inputs.scaled(inputs)]
        starts = range(0, rows, size)
        batches = zip(zip(*parts), targets, starts)
        return [
            Feeds(piece, *target, [column[start : start + size] for column in columns])
            for piece, target, start in batches
        ]

    def _divided(self, columns: Sequence) -> tuple[list, list[np.ndarray]]:
        """Returns a reader's arrays as the inputs and the others."""
        places = len(self._net.inputs.specs)
        self._net.inputs.check(columns[:places])
        return list(columns[:places]), [np.asarray(column) for column in columns[places:]]

    @paddle.no_grad()
    def _targets(self, columns: Sequence[np.ndarray], rows: int, size: int) -> list[tuple]:
        """Returns labels, weights and truth of each batch, as in `Feeds`."""
        truth = self._task_rows.truth(columns, rows)
        shares = self._task_rows.shares(truth, self._task_rows.samples(columns), size)
        if self._net.stacked:
            targets = _pieces(np.stack(truth), rows, size, axis=1)
        else:
            heads = zip(self._net.heads, truth)
            targets = [_pieces(head.target(labels), rows, size) for head, labels in heads]
            targets = list(map(list, zip(*targets)))
        starts = range(0, rows, size)
        truths = [[labels[start : start + size] for labels in truth] for start in starts]
        if shares is None:
            return list(zip(targets, [None] * len(targets), truths))
        weights = _pieces(shares, rows, size, axis=1)
        if not self._net.stacked:
            weights = [paddle.unbind(each) for each in weights]
        return list(zip(targets, weights, truths))

    def create_loss(self, logits, labels, weights=None):
        """Returns the net's loss.

        Args:
            logits: the net's logits.
            labels: as in `Feeds`.
            weights: as in `Feeds`.
        """
        return self._net.checked_loss(logits, labels, self._given_or_equal(labels, weights))

    def _given_or_equal(self, labels, weights):
        """Returns weights as in `Feeds`, or those of rows that all count alike for None."""
        if weights is not None:
            return weights
        return self._row_weights(labels.shape[1] if self._net.stacked else labels[0].shape[0])

    def _loss_of(self, logits, feeds: Feeds):
        """Returns the loss of a batch's logits."""
        for field, column in self._groups.items():
            array, place = self._net.inputs.located_column(column)
            self._net.groups[field] = feeds.inputs[array][:, place : place + 1]
        return self.create_loss(logits, feeds.labels, feeds.weights)

    def _row_weights(self, rows: int):
        """Returns the shares of rows that all count alike, in the form of the labels."""
        if self._rows != rows:
            self._rows = rows
            shares = paddle.to_tensor(self._task_rows.equal_shares(rows))
            self._equal_shares = shares if self._net.stacked else paddle.unbind(shares)
        return self._equal_shares

    def weight_sums(self, model: MultiTaskNet, batches: Sequence) -> np.ndarray:
        """Returns the sums of the weights of the rows that count, ``[len(batches), tasks]``.

        Optional: several processes then divide a task's loss by the sum over all of them.
        """
        columns = [self._ready(model, batch).columns for batch in batches]
        joined = [np.concatenate(parts) for parts in zip(*columns)]
        lengths = [len(each[0]) for each in columns]
        rows = self._task_rows
        return rows.sums(rows.truth(joined), rows.samples(joined), lengths)

    def reweighted(self, model: MultiTaskNet, batch, factors: np.ndarray) -> Feeds:
        """Returns a batch whose tasks' losses are multiplied by factors ``[tasks]``.

        Optional: see `weight_sums`.
        """
        feeds = self._ready(model, batch)
        weights = self._given_or_equal(feeds.labels, feeds.weights)
        factors = paddle.to_tensor(factors.astype(np.float32))
        if model.stacked:
            return feeds._replace(weights=weights * factors.reshape([-1, 1, 1]))
        return feeds._replace(weights=[each * factor for each, factor in zip(weights, factors)])

    def create_optimizer(self, model: MultiTaskNet, config):
        """Returns the optimizer."""
        return create_optimizer(config, model.parameters())

    def train_forward(self, model, metrics, batch, config):
        """Returns the loss, the metrics and what to show (the loss)."""
        feeds = self._ready(model, batch)
        logits = model.logits(model.inputs.joined(feeds.inputs))
        loss = self._loss_of(logits, feeds)
        self._add_scores(logits, feeds)
        return loss, metrics, {"loss": loss}

    def step_forward(self, model, metrics, batch, config):
        """Returns the result of `train_forward`; the loss may be a `fast_step.step_loss.StepLoss`.

        Optional: the engine prefers it to ``train_forward``.
        """
        step = self._step_of(model)
        if step is None:
            return self.train_forward(model, metrics, batch, config)
        feeds = self._ready(model, batch)
        weights = self._given_or_equal(feeds.labels, feeds.weights)
        logits, loss = step(*feeds.inputs, feeds.labels, weights)
        self._add_scores(logits, feeds)
        return loss, metrics, {"loss": loss.detach()}

    def _step_of(self, model: MultiTaskNet) -> Callable | None:
        """Returns the fast step; None to use ``train_forward`` and autograd."""
        if not self._fast:
            return None
        if self._fast_step is None or self._fast_step.net is not model:
            self._fast_step = FastStep(model)
        return self._fast_step.function()

    def infer_forward(self, model, metrics, batch, config):
        """Returns the metrics and what to show: the loss, if ``runner.valid_metric`` is that."""
        feeds = self._ready(model, batch)
        logits = model.logits(model.inputs.joined(feeds.inputs))
        self._scores.keep_rows()
        self._add_scores(logits, feeds)
        if config.get(VALID_METRIC) != "loss":
            return metrics, None
        return metrics, {"loss": self._loss_of(logits, feeds)}

    def _add_scores(self, logits, feeds: Feeds) -> None:
        """Adds a batch to the metrics."""
        if self._net.stacked:
            self._scores.add(logits.detach(), feeds.labels)
            return
        self._scores.add([each.detach() for each in self._net.by_task(logits)], feeds.truth)

    def row_losses(self, model, batch) -> dict[str, np.ndarray]:
        """Returns each task's loss in each row, ``[n]``, to find the one that is not finite."""
        feeds = self._ready(model, batch)
        logits = model.by_task(model.logits(model.inputs.joined(feeds.inputs)))
        return self.losses_of([each.numpy() for each in logits], feeds.columns)

    def predict(self, model, batch) -> dict[str, paddle.Tensor]:
        """Returns P(label = 1) ``[n]`` of each binary task, class probabilities, or numbers."""
        feeds = self._ready(model, batch)
        logits = model.logits(model.inputs.joined(feeds.inputs))
        return self.named_columns(model.predictions(logits))

    def labels(self, batch) -> dict[str, np.ndarray]:
        """Returns each task's labels ``[n]``; negative or NaN in rows that do not count."""
        return self._task_rows.truth_by_task(*self._columns(batch))

    def weights(self, batch) -> dict[str, np.ndarray] | None:
        """Returns each task's sample weights ``[n]``; None if no task has any."""
        return self._task_rows.weights_by_task(*self._columns(batch))

    def _columns(self, batch) -> tuple[Sequence[np.ndarray], int]:
        """Returns a batch's labels and sample weights, and its number of rows."""
        inputs, columns = (
            (batch.inputs, batch.columns) if isinstance(batch, Feeds) else self._divided(batch)
        )
        return columns, inputs[0].shape[0]

    def gate_weights(self, net: MultiTaskNet, batch) -> dict[str, np.ndarray] | None:
        """Returns each task's mean weights over the experts; None for a net without gates."""
        weights = getattr(net, "gate_weights", None)
        if weights is None:
            return None
        table = weights(net.inputs.joined(self._ready(net, batch).inputs)).numpy()
        if len(table) != len(self.tasks):
            raise ValueError(
                f"{type(net).__name__}.gate_weights: expected a row for each of {len(self.tasks)} "
                f"tasks, found {len(table)}; repeat the row of a gate that tasks share"
            )
        return {task.name: row for task, row in zip(self.tasks, table)}

    def gate_names(self) -> list[str] | None:
        """Returns the names of the columns of `gate_weights`; None for numbered experts."""
        return self._net.gate_names

    def fit_inputs(self, net: MultiTaskNet, blocks) -> dict:
        """Returns the parameters that are computed from the training data, by name."""
        return self._fit(net, blocks)

    def _ready(self, model: MultiTaskNet, batch) -> Feeds:
        """Returns a batch as feeds with scaled inputs; `prepare` may have made them already."""
        if isinstance(batch, Feeds):
            return batch
        feeds = self.create_feeds(batch, None)
        arrays = model.inputs.scaled([np.asarray(array) for array in feeds.inputs])
        return feeds._replace(inputs=[paddle.to_tensor(array) for array in arrays])

    def _built(self) -> MultiTaskNet:
        return self._net


def _pieces(array: np.ndarray, rows: int, size: int, axis: int = 0) -> list[paddle.Tensor]:
    """Returns an array's rows as tensors of ``size`` rows, the last one of the rest."""
    sizes = [size] * (rows // size) + ([rows % size] if rows % size else [])
    return paddle.split(ops.tensor(array), sizes, axis=axis)
