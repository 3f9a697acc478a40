"""PaddleRec's DygraphModel, implemented once for every net of ``models/multitask``."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
import paddle
import paddle.nn.functional as F

from models.multitask import ops
from models.multitask.base import MultiTaskModel
from models.multitask.multitask_net import MultiTaskNet
from models.multitask.optimizers import create_optimizer


class Feeds(NamedTuple):
    """A batch as the nets here take it: features ``[n, size]`` and labels ``[tasks, n, 1]``."""

    features: paddle.Tensor
    labels: paddle.Tensor


class MultiTaskDygraphModel(MultiTaskModel):
    """PaddleRec's DygraphModel for a net and the tasks of a YAML."""

    _rows: int | None = None  # of the batch that the row weights were made for

    def create_model(self, config) -> MultiTaskNet:
        """Returns the net."""
        return self.build_net(config)

    def create_feeds(self, batch, config) -> Feeds:
        """Returns a reader's batch (features, then one label column a task) as feeds."""
        features, *labels = batch
        self._check(labels)
        columns = [label.reshape([-1, 1]).astype("int64") for label in labels]
        return Feeds(features, paddle.stack(columns))

    def _check(self, labels: Sequence) -> None:
        if len(labels) != len(self.tasks):
            names = ", ".join(task.name for task in self.tasks)
            raise ValueError(
                f"hyper_parameters.tasks: the reader yields {len(labels)} labels a row, "
                f"the tasks are {names}"
            )

    def prepare(self, net: MultiTaskNet, block: Sequence[np.ndarray], size: int) -> list[Feeds]:
        """Returns a block of many batches' rows as feeds whose features are preprocessed.

        The engine's short cut: what does not depend on trained parameters is done once for
        many batches.
        """
        features, *labels = block
        self._check(labels)
        rows = len(features)
        sizes = [size] * (rows // size) + ([rows % size] if rows % size else [])
        if net.preprocess is not None:
            features = net.preprocess.scaled(features)
        labels = ops.tensor(np.stack(labels).astype(np.int64).reshape(len(labels), rows, 1))
        with paddle.no_grad():
            pieces = paddle.split(ops.tensor(features), sizes), paddle.split(labels, sizes, axis=1)
        return [Feeds(*piece) for piece in zip(*pieces)]

    def create_loss(self, logits, labels):
        """Returns the tasks' mean cross-entropies, weighted and added."""
        weights = self._weights_of_batch(logits.shape[1])
        return (ops.softmax_cross_entropy(logits, labels) * weights).sum()

    def _weights_of_batch(self, rows: int):
        """Returns each row's share of the loss, ``[task_num, 1, 1]``; kept between batches."""
        if self._rows != rows:
            self._rows = rows
            self._row_weights = paddle.to_tensor(self._weights.reshape(-1, 1, 1) / rows)
        return self._row_weights

    def create_optimizer(self, model: MultiTaskNet, config):
        """Returns the optimizer."""
        return create_optimizer(config, model.parameters())

    def train_forward(self, model, metrics, batch, config):
        """Returns the loss, the metrics and what to show (the loss)."""
        feeds = self._ready(model, batch)
        logits = model.logits(feeds.features)
        loss = self.create_loss(logits, feeds.labels)
        self._scores.add(logits.detach(), feeds.labels)
        return loss, metrics, {"loss": loss}

    def infer_forward(self, model, metrics, batch, config):
        """Returns the metrics and what to show (nothing)."""
        feeds = self._ready(model, batch)
        self._scores.add(model.logits(feeds.features), feeds.labels)
        return metrics, None

    def predict(self, model, batch) -> dict[str, paddle.Tensor]:
        """Returns P(label = 1) ``[n]`` of each task."""
        probabilities = F.softmax(model.logits(self._ready(model, batch).features))
        names = [task.name for task in self.tasks]
        return dict(zip(names, paddle.unbind(probabilities[:, :, 1])))

    def fit_inputs(self, net: MultiTaskNet, blocks) -> dict:
        """Returns the parameters that are computed from the training data, by name."""
        return self._fit(net, blocks)

    def _ready(self, model: MultiTaskNet, batch) -> Feeds:
        if isinstance(batch, Feeds):
            return batch
        feeds = self.create_feeds(batch, None)
        return Feeds(model.features(feeds.features), feeds.labels)
