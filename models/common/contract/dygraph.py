"""PaddleRec's DygraphModel, implemented once for every net."""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from typing import NamedTuple

import numpy as np
import paddle
import paddle.nn.functional as F

from models.common.contract.model import VALID_METRIC, MultiTaskModel
from models.common.contract.net import MultiTaskNet
from models.common.fast_step.step import FastStep
from models.common.layers import ops
from models.common.optimizers.optimizers import create_optimizer

logger = logging.getLogger(__name__)


class Feeds(NamedTuple):
    """A batch as the nets here take it.

    Attributes:
        inputs: the net's inputs; dense ones are scaled.
        labels: ``[tasks, n, 1]``.
    """

    inputs: Sequence[paddle.Tensor]
    labels: paddle.Tensor


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
        """Returns a reader's batch (inputs, then one label column a task) as feeds, unscaled."""
        places = len(batch) - len(self.tasks)
        columns = [np.asarray(label).reshape([-1, 1]).astype("int64") for label in batch[places:]]
        labels = self.labels_that_count(np.stack(columns))
        return Feeds(batch[:places], paddle.to_tensor(labels))

    def prepare(self, net: MultiTaskNet, block: Sequence[np.ndarray], size: int) -> list[Feeds]:
        """Returns the rows of many batches as feeds whose inputs are scaled.

        Optional: work that does not depend on trained parameters is done once for many batches.
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
        """Returns the net's loss of logits ``[tasks, n, classes]`` and labels ``[tasks, n, 1]``."""
        return self._net.checked_loss(logits, labels, self._row_weights(labels.shape[1]))

    def _row_weights(self, rows: int):
        """Returns each row's share of the loss, ``[task_num, rows, 1]``."""
        if self._rows != rows:
            self._rows = rows
            shares = np.repeat(self._weights.reshape(-1, 1, 1) / rows, rows, axis=1)
            self._weights_of_rows = paddle.to_tensor(shares)
        return self._weights_of_rows

    def create_optimizer(self, model: MultiTaskNet, config):
        """Returns the optimizer."""
        return create_optimizer(config, model.parameters())

    def train_forward(self, model, metrics, batch, config):
        """Returns the loss, the metrics and what to show (the loss)."""
        feeds = self._ready(model, batch)
        logits = model.logits(model.inputs.joined(feeds.inputs))
        loss = self.create_loss(logits, feeds.labels)
        self._scores.add(logits.detach(), feeds.labels)
        return loss, metrics, {"loss": loss}

    def step_forward(self, model, metrics, batch, config):
        """Returns the result of `train_forward`; the loss may be a `fast_step.step_loss.StepLoss`.

        Optional: the engine prefers it to ``train_forward``.
        """
        step = self._step_of(model)
        if step is None:
            return self.train_forward(model, metrics, batch, config)
        feeds = self._ready(model, batch)
        weights = self._row_weights(feeds.labels.shape[1])
        logits, loss = step(model.inputs.joined(feeds.inputs), feeds.labels, weights)
        self._scores.add(logits, feeds.labels)
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
        self.add_evaluated(logits, feeds.labels)
        if config.get(VALID_METRIC) != "loss":
            return metrics, None
        return metrics, {"loss": self.create_loss(logits, feeds.labels)}

    def row_losses(self, model, batch) -> dict[str, np.ndarray]:
        """Returns each task's loss in each row, ``[n]``, to find the one that is not finite."""
        feeds = self._ready(model, batch)
        logits = model.logits(model.inputs.joined(feeds.inputs))
        return self.losses_of(logits.numpy(), feeds.labels.numpy())

    def predict(self, model, batch) -> dict[str, paddle.Tensor]:
        """Returns P(label = 1) ``[n]`` of each binary task, or each class's probability."""
        feeds = self._ready(model, batch)
        probabilities = F.softmax(model.logits(model.inputs.joined(feeds.inputs)))
        return self.named_columns(paddle.unbind(probabilities))

    def labels(self, batch) -> dict[str, np.ndarray]:
        """Returns each task's labels ``[n]``; negative in rows that do not count."""
        feeds = batch if isinstance(batch, Feeds) else self.create_feeds(batch, None)
        return self.labels_by_task(feeds.labels.numpy())

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
        return Feeds([paddle.to_tensor(array) for array in arrays], feeds.labels)
