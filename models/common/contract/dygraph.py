"""PaddleRec's DygraphModel, implemented once for every net of ``models/multitask``."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import paddle
import paddle.nn.functional as F

from models.common.contract.model import MultiTaskModel
from models.common.contract.net import MultiTaskNet
from models.common.fast_step.written_step import WrittenStep
from models.common.layers import ops
from models.common.optimizers.optimizers import create_optimizer


class Feeds(NamedTuple):
    """A batch as the nets here take it.

    Attributes:
        inputs: the net's inputs, the dense ones scaled.
        labels: ``[tasks, n, 1]``.
    """

    inputs: Sequence[paddle.Tensor]
    labels: paddle.Tensor


class MultiTaskDygraphModel(MultiTaskModel):
    """PaddleRec's DygraphModel for a net and the tasks of a YAML."""

    _rows: int | None = None  # of the batch that the row weights were made for
    _written: WrittenStep | None = None  # the training step of the net

    def create_model(self, config) -> MultiTaskNet:
        """Returns the net."""
        return self.build_net(config)

    def create_feeds(self, batch, config) -> Feeds:
        """Returns a reader's batch (inputs, then one label column a task) as feeds, unscaled."""
        places = len(batch) - len(self.tasks)
        columns = [np.asarray(label).reshape([-1, 1]).astype("int64") for label in batch[places:]]
        labels = self.labels_that_count(np.stack(columns))
        return Feeds(batch[:places], paddle.to_tensor(labels))

    def prepare(self, net: MultiTaskNet, block: Sequence[np.ndarray], size: int) -> list[Feeds]:
        """Returns a block of many batches' rows as feeds whose inputs are scaled.

        The engine's short cut: what does not depend on trained parameters is done once for
        many batches.
        """
        places = len(net.inputs.specs)
        inputs, labels = block[:places], block[places:]
        if len(labels) != len(self.tasks):
            names = ", ".join(task.name for task in self.tasks)
            raise ValueError(
                f"hyper_parameters.tasks: the reader yields {len(labels)} labels a row, "
                f"the tasks are {names}"
            )
        rows = len(labels[0])
        sizes = [size] * (rows // size) + ([rows % size] if rows % size else [])
        stacked = np.stack(labels).astype(np.int64).reshape(len(labels), rows, 1)
        with paddle.no_grad():
            labels = paddle.split(ops.tensor(self.labels_that_count(stacked)), sizes, axis=1)
            parts = [paddle.split(ops.tensor(array), sizes) for array in net.inputs.scaled(inputs)]
        return [Feeds(*piece) for piece in zip(zip(*parts), labels)]

    def create_loss(self, logits, labels):
        """Returns the tasks' mean cross-entropies, of smoothed labels, weighted and added."""
        weights = self._weights_of_batch(labels.shape[1])
        losses = ops.softmax_cross_entropy(logits, labels)
        return (self._smoothing.added_to(losses, logits, labels) * weights).sum()

    def _weights_of_batch(self, rows: int):
        """Returns each row's share of the loss, ``[task_num, rows, 1]``; kept between batches."""
        if self._rows != rows:
            self._rows = rows
            shares = np.repeat(self._weights.reshape(-1, 1, 1) / rows, rows, axis=1)
            self._row_weights = paddle.to_tensor(shares)
        return self._row_weights

    def create_optimizer(self, model: MultiTaskNet, config):
        """Returns the optimizer."""
        return create_optimizer(config, model.parameters())

    def train_forward(self, model, metrics, batch, config):
        """Returns the loss, the metrics and what to show (the loss)."""
        feeds = self._ready(model, batch)
        logits = model.logits(model.inputs.joined(feeds.inputs))
        loss = self.create_loss(logits, feeds.labels)
        if model.penalty is not None:
            loss = loss + model.penalty
        self._scores.add(logits.detach(), feeds.labels)
        return loss, metrics, {"loss": loss}

    def step_forward(self, model, metrics, batch, config):
        """Returns what `train_forward` does, but the loss may be a `written_step.StepLoss`.

        The engine's short cut, where a net's training step can be written as code.
        """
        step = self._step_of(model)
        if step is None:
            return self.train_forward(model, metrics, batch, config)
        feeds = self._ready(model, batch)
        weights = self._weights_of_batch(feeds.labels.shape[1])
        logits, loss = step(model.inputs.joined(feeds.inputs), feeds.labels, weights)
        self._scores.add(logits, feeds.labels)
        return loss, metrics, {"loss": loss.detach()}

    def _step_of(self, model: MultiTaskNet) -> Callable | None:
        """Returns the written step; None where a subclass's, or autograd's, is to be taken."""
        for name, own in _OWN.items():
            if getattr(type(self), name) is not own:
                return None
        if self._written is None or self._written.net is not model:
            pull = self._smoothing.pull if self._smoothing.share else None
            self._written = WrittenStep(model, pull)
        return self._written.function()

    def infer_forward(self, model, metrics, batch, config):
        """Returns the metrics and what to show (nothing)."""
        feeds = self._ready(model, batch)
        self._scores.add(model.logits(model.inputs.joined(feeds.inputs)), feeds.labels)
        return metrics, None

    def row_losses(self, model, batch) -> dict[str, np.ndarray]:
        """Returns each task's loss in each row, ``[n]``: says whose loss is no number."""
        feeds = self._ready(model, batch)
        logits = model.logits(model.inputs.joined(feeds.inputs))
        return self.losses_of(logits.numpy(), feeds.labels.numpy())

    def predict(self, model, batch) -> dict[str, paddle.Tensor]:
        """Returns P(label = 1) ``[n]`` of each binary task; else each class's probability."""
        feeds = self._ready(model, batch)
        probabilities = F.softmax(model.logits(model.inputs.joined(feeds.inputs)))
        return self.named_columns(paddle.unbind(probabilities))

    def labels(self, batch) -> dict[str, np.ndarray]:
        """Returns each task's labels ``[n]``; negative in rows where it does not count."""
        feeds = batch if isinstance(batch, Feeds) else self.create_feeds(batch, None)
        return self.labels_by_task(feeds.labels.numpy())

    def gate_weights(self, net: MultiTaskNet, batch) -> dict[str, np.ndarray] | None:
        """Returns each task's mean weights over the experts; None for a net without gates."""
        weights = getattr(net, "gate_weights", None)
        if weights is None:
            return None
        table = weights(net.inputs.joined(self._ready(net, batch).inputs)).numpy()
        return {task.name: row for task, row in zip(self.tasks, table)}

    def fit_inputs(self, net: MultiTaskNet, blocks) -> dict:
        """Returns the parameters that are computed from the training data, by name."""
        return self._fit(net, blocks)

    def _ready(self, model: MultiTaskNet, batch) -> Feeds:
        """Returns a batch as feeds with scaled inputs, if `prepare` did not make it so."""
        if isinstance(batch, Feeds):
            return batch
        feeds = self.create_feeds(batch, None)
        arrays = model.inputs.scaled([np.asarray(array) for array in feeds.inputs])
        return Feeds([paddle.to_tensor(array) for array in arrays], feeds.labels)


# What is written as code: a subclass that changes them trains by its own.
_OWN = {name: vars(MultiTaskDygraphModel)[name] for name in ("train_forward", "create_loss")}
