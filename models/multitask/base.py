"""PaddleRec's model contract, implemented once for every net of ``models/multitask``.

A model folder names its net; tasks, feeds, loss, metrics and optimizer follow from the YAML.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np
import paddle
import paddle.nn.functional as F

from models.multitask import ops
from models.multitask.inputs import Standardize, fit_standardize
from models.multitask.layers import whole
from models.multitask.metrics import Auc, Scores
from models.multitask.multitask_net import MultiTaskNet
from models.multitask.optimizers import create_optimizer
from models.multitask.tasks import Task, tasks_of

_HYPER = "hyper_parameters"


class Feeds(NamedTuple):
    """A batch as the nets here take it: features ``[n, size]`` and labels ``[tasks, n, 1]``."""

    features: paddle.Tensor
    labels: paddle.Tensor


class MultiTaskModel:
    """What training in dygraph and in static graph have in common.

    Attributes:
        net_class: the folder's `MultiTaskNet`; its constructor's arguments are the model's
            ``hyper_parameters``.
        tasks: the tasks of the configuration, once a net is built.
    """

    net_class: type[MultiTaskNet]
    tasks: tuple[Task, ...]

    @classmethod
    def hyper_parameters(cls) -> dict:
        """Returns every hyper-parameter that a YAML may set, with its default."""
        return {
            **_defaults(cls.net_class),
            "tasks": None,
            "standardize": True,
            "dense_input_dim": 11,
            "optimizer.class": "adam",
            "optimizer.learning_rate": 0.001,
        }

    def build_net(self, config) -> MultiTaskNet:
        """Returns the net of a configuration.

        Raises:
            ValueError: a hyper-parameter is out of range, or contradicts another.
        """
        self.tasks = tasks_of(config)
        chosen = {
            name: config.get(f"{_HYPER}.{name}", default)
            for name, default in _defaults(self.net_class).items()
        }
        net = self.net_class(**chosen)
        if net.task_num != len(self.tasks):
            names = ", ".join(task.name for task in self.tasks)
            raise ValueError(
                f"{_HYPER}: the net is for {net.task_num} tasks, but tasks are {names}"
            )
        if config.get(f"{_HYPER}.standardize", True):
            features = chosen["feature_size"]
            dense = whole("dense_input_dim", config.get(f"{_HYPER}.dense_input_dim", 11))
            net.preprocess = Standardize(features, min(dense, features))
        self._weights = np.array([task.weight for task in self.tasks], np.float32)
        return net

    def create_metrics(self) -> tuple[list[Auc], list[str]]:
        """Returns an AUC for each task, and their names."""
        self._scores = Scores(len(self.tasks))
        metrics = [Auc(self._scores, number) for number in range(len(self.tasks))]
        return metrics, [f"auc_{task.name}" for task in self.tasks]

    def _fit(self, net: MultiTaskNet, blocks: Iterable[Sequence[np.ndarray]]) -> dict:
        if net.preprocess is None:
            return {}
        dense = net.preprocess.mean.shape[0]
        fitted = fit_standardize((block[0] for block in blocks), dense)
        return {f"preprocess.{name}": value for name, value in fitted.items()}


class MultiTaskDygraphModel(MultiTaskModel):
    """PaddleRec's DygraphModel for a net and the tasks of a YAML."""

    def create_model(self, config) -> MultiTaskNet:
        """Returns the net."""
        return self.build_net(config)

    def create_feeds(self, batch, config) -> Feeds:
        """Returns a reader's batch (features, then one label column a task) as feeds."""
        features, *labels = batch
        return Feeds(features, paddle.stack([label.reshape([-1, 1]) for label in labels]))

    def prepare(self, net: MultiTaskNet, block: Sequence[np.ndarray], size: int) -> list[Feeds]:
        """Returns a block of many batches' rows as feeds whose features are preprocessed.

        The engine's short cut: what does not depend on trained parameters is done once for
        many batches.
        """
        features, *labels = block
        rows = len(features)
        sizes = [size] * (rows // size) + ([rows % size] if rows % size else [])
        if net.preprocess is not None:
            features = net.preprocess.scaled(features)
        labels = ops.tensor(np.stack(labels))
        with paddle.no_grad():
            pieces = paddle.split(ops.tensor(features), sizes), paddle.split(labels, sizes, axis=1)
        return [Feeds(*piece) for piece in zip(*pieces)]

    def create_loss(self, logits, labels):
        """Returns the tasks' mean cross-entropies, weighted and added."""
        weights = self._weights_of_batch(logits.shape[1])
        return (ops.softmax_cross_entropy(logits, labels) * weights).sum()

    def _weights_of_batch(self, rows: int):
        """Returns each row's share of the loss, ``[task_num, 1, 1]``; kept between batches."""
        if getattr(self, "_rows", None) != rows:
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


class MultiTaskStaticModel(MultiTaskModel):
    """PaddleRec's StaticModel for a net and the tasks of a YAML.

    Attributes:
        network: the net, once ``net`` or ``infer_net`` has built it.
    """

    network: MultiTaskNet

    def __init__(self, config):
        self._config = config
        self._feature_size = config.get(f"{_HYPER}.feature_size", 499)

    def create_feeds(self, is_infer: bool = False) -> list:
        """Returns the input variables: features, then each task's label."""
        features = paddle.static.data("input", [None, self._feature_size], "float32")
        return [
            features,
            *(
                paddle.static.data(f"label_{task.name}", [None, 1], "int64")
                for task in tasks_of(self._config)
            ),
        ]

    def net(self, inputs, is_infer: bool = False) -> dict:
        """Builds the net; returns the variables to fetch: loss and logits, or predictions."""
        if is_infer:
            return self.infer_net(inputs)
        features, *labels = inputs
        self.network = self.build_net(self._config)
        logits = self.network.logits(self.network.features(features))
        losses = ops.softmax_cross_entropy(logits, paddle.stack(labels)).mean(axis=[1, 2])
        self._loss = (losses * paddle.assign(self._weights)).sum()
        return {"loss": self._loss, "logits": logits}

    def infer_net(self, inputs) -> dict:
        """Builds the net for evaluation; returns each task's class probabilities ``[n, 2]``."""
        self.network = self.build_net(self._config)
        self.network.eval()
        return dict(zip((task.name for task in self.tasks), self.network(inputs[0])))

    def create_optimizer(self, strategy=None):
        """Adds the optimizer's operators to the program."""
        self._optimizer = create_optimizer(self._config)
        self._optimizer.minimize(self._loss)

    def update_metrics(self, metrics, fetched: dict, batch) -> None:
        """Adds a fetched batch to the metrics."""
        scores = fetched.get("logits")
        if scores is None:
            with np.errstate(divide="ignore"):  # a probability of 0 has log-odds at the limit
                scores = np.log(np.stack([fetched[task.name] for task in self.tasks]))
        self._scores.add(scores, np.stack(batch[1:]))

    def predictions(self, fetched: dict) -> dict[str, np.ndarray]:
        """Returns P(label = 1) ``[n]`` of each task."""
        return {task.name: fetched[task.name][:, 1] for task in self.tasks}

    def fit_inputs(self, blocks) -> dict:
        """Returns the parameters that are computed from the training data, by name."""
        return self._fit(self.network, blocks)


def _defaults(net_class: type) -> dict:
    arguments = inspect.signature(net_class.__init__).parameters
    return {name: value.default for name, value in arguments.items() if name != "self"}
