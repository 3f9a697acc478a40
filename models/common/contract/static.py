"""PaddleRec's StaticModel, implemented once for every net."""

from __future__ import annotations

import numpy as np
import paddle

from models.common.contract.model import VALID_METRIC, MultiTaskModel
from models.common.contract.net import MultiTaskNet
from models.common.optimizers.optimizers import create_optimizer
from models.common.tasks.declaration import IGNORED, tasks_of


class MultiTaskStaticModel(MultiTaskModel):
    """PaddleRec's StaticModel for a net and the tasks of a YAML.

    Attributes:
        network: the net, once ``net`` or ``infer_net`` has built it.
    """

    network: MultiTaskNet

    def __init__(self, config):
        self._config = config

    def create_feeds(self, is_infer: bool = False) -> list:
        """Returns the input variables: the net's inputs, then each task's label."""
        specs = self.input_specs(self._config)
        names = [f"label_{task.name}" for task in tasks_of(self._config)]
        labels = [paddle.static.InputSpec([None, 1], "int64", name) for name in names]
        return [paddle.static.data(s.name, s.shape, s.dtype) for s in (*specs, *labels)]

    def net(self, inputs, is_infer: bool = False) -> dict:
        """Builds the net; returns the variables to fetch: loss and logits, or predictions."""
        if is_infer:
            return self.infer_net(inputs)
        self.network = self.build_net(self._config)
        features, labels = self._inputs_and_labels(inputs)
        logits = self.network.logits(self.network.features(*features))
        self._loss = self._loss_of(logits, labels)
        return {"loss": self._loss, "logits": logits}

    def infer_net(self, inputs) -> dict:
        """Builds the net for evaluation; returns each task's class probabilities ``[n, 2]``.

        The loss is among them if ``runner.valid_metric`` is that.
        """
        self.network = self.build_net(self._config)
        self.network.eval()
        features, labels = self._inputs_and_labels(inputs)
        fetches = dict(zip(self.output_names(), self.network(*features)))
        if self._config.get(VALID_METRIC) == "loss":
            logits = self.network.logits(self.network.features(*features))
            fetches["loss"] = self._loss_of(logits, labels)
        return fetches

    def _loss_of(self, logits, labels: list):
        """Returns the net's loss of logits and the tasks' labels."""
        for task, condition in self._conditions:
            ignored = paddle.full_like(labels[task], IGNORED)
            labels[task] = paddle.where(labels[condition] == 1, labels[task], ignored)
        labels = paddle.stack(labels)
        rows = paddle.shape(labels)[1].astype("float32")
        weights = paddle.assign(self._weights.reshape(-1, 1, 1)) / rows
        if self.network.has_own_loss:  # one weight a row, as in dygraph; the default broadcasts
            weights = weights * paddle.full_like(labels, 1, "float32")
        return self.network.checked_loss(logits, labels, weights)

    def _inputs_and_labels(self, fields) -> tuple[list, list]:
        """Returns the fields of a row as the net's inputs and the labels."""
        places = len(self.network.inputs.specs)
        return list(fields[:places]), list(fields[places:])

    def create_optimizer(self, strategy=None):
        """Adds the optimizer's operators to the program.

        Args:
            strategy: of Fleet, for training on parameter servers; None for training alone.
        """
        self._optimizer = create_optimizer(self._config)
        if strategy is not None:
            from paddle.distributed import fleet

            self._optimizer = fleet.distributed_optimizer(self._optimizer, strategy)
        self._optimizer.minimize(self._loss)

    def update_metrics(self, metrics, fetched: dict, batch) -> None:
        """Adds a fetched batch to the metrics."""
        labels = self.labels_that_count(np.stack(self._inputs_and_labels(batch)[1]))
        if "logits" in fetched:  # training
            self._scores.add(fetched["logits"], labels)
            return
        with np.errstate(divide="ignore"):  # a probability of 0 has log-odds at the limit
            scores = np.log(np.stack([fetched[task.name] for task in self.tasks]))
        self.add_evaluated(scores, labels)

    def row_losses(self, fetched: dict, batch) -> dict[str, np.ndarray]:
        """Returns each task's loss in each row, ``[n]``, to find the one that is not finite."""
        return self.losses_of(fetched["logits"], np.stack(self._inputs_and_labels(batch)[1]))

    def predictions(self, fetched: dict) -> dict[str, np.ndarray]:
        """Returns P(label = 1) ``[n]`` of each binary task, or each class's probability."""
        return self.named_columns([fetched[task.name] for task in self.tasks])

    def labels(self, batch) -> dict[str, np.ndarray]:
        """Returns each task's labels ``[n]``; negative in rows that do not count."""
        return self.labels_by_task(np.stack(self._inputs_and_labels(batch)[1]))

    def fit_inputs(self, blocks) -> dict:
        """Returns the parameters that are computed from the training data, by name."""
        return self._fit(self.network, blocks)
