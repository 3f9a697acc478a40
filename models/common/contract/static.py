"""PaddleRec's StaticModel, implemented once for every net."""

from __future__ import annotations

import numpy as np
import paddle

from models.common.contract.model import VALID_METRIC, MultiTaskModel
from models.common.contract.net import MultiTaskNet
from models.common.optimizers.optimizers import create_optimizer
from models.common.tasks.declaration import Task, tasks_of, weight_columns
from models.common.tasks.task_rows import counts

_SCORES, _ROWS = "scores_", "row_losses_"  # before a task's name, of fetched variables


class MultiTaskStaticModel(MultiTaskModel):
    """PaddleRec's StaticModel for a net and the tasks of a YAML.

    Attributes:
        network: the net, once ``net`` or ``infer_net`` has built it.
    """

    network: MultiTaskNet

    def __init__(self, config):
        self._config = config

    def create_feeds(self, is_infer: bool = False) -> list:
        """Returns the input variables: inputs, each task's label, columns of sample weights."""
        specs, tasks = self.input_specs(self._config), tasks_of(self._config)
        for task in tasks:
            dtype = "float32" if task.is_number else "int64"
            specs.append(paddle.static.InputSpec([None, 1], dtype, f"label_{task.name}"))
        for name in weight_columns(tasks, self._config)[0]:
            specs.append(paddle.static.InputSpec([None, 1], "float32", f"weight_{name}"))
        return [paddle.static.data(s.name, s.shape, s.dtype) for s in specs]

    def net(self, inputs, is_infer: bool = False) -> dict:
        """Builds the net; returns the variables to fetch: loss and logits, or predictions.

        If the net is not stacked, they are the loss, and the scores and losses of rows by task.
        """
        if is_infer:
            return self.infer_net(inputs)
        self.network = net = self.build_net(self._config)
        features, columns = self._divided(inputs)
        logits = net.logits(net.features(*features))
        labels, weights = self._targets(columns)
        self._loss = self._loss_of(logits, features, labels, weights)
        if net.stacked:
            return {"loss": self._loss, "logits": logits}
        fetches = {"loss": self._loss}
        rows = net.row_losses(logits, labels)
        for head, each, row in zip(net.heads, net.by_task(logits), rows):
            is_number = head.task.is_number
            fetches[_SCORES + head.task.name] = head.predictions(each) if is_number else each
            fetches[_ROWS + head.task.name] = row
        return fetches

    def infer_net(self, inputs) -> dict:
        """Builds the net for evaluation; returns each task's predictions, as `forward` does.

        The loss is among them if ``runner.valid_metric`` is that.
        """
        self.network = self.build_net(self._config)
        self.network.eval()
        features, columns = self._divided(inputs)
        fetches = dict(zip(self.output_names(), self.network(*features)))
        if self._config.get(VALID_METRIC) == "loss":
            logits = self.network.logits(self.network.features(*features))
            fetches["loss"] = self._loss_of(logits, features, *self._targets(columns))
        return fetches

    def _targets(self, columns: list) -> tuple:
        """Returns labels and weights as the net's loss takes them, of a batch's columns."""
        net, tasks = self.network, len(self.tasks)
        if net.stacked and self._task_rows.counts_alike:  # all tasks at once
            labels = paddle.stack(columns)
            counted = (labels >= 0).astype("float32")
            rows = paddle.clip(counted.sum(axis=1, keepdim=True), min=1.0)
            weights = paddle.assign(self._task_rows.equal_shares(1)) / rows
            # One weight a row, as in dygraph; the default loss is 0 where a label is missing.
            return labels, weights * counted if net.has_own_loss else weights
        truth, weights = self._task_rows.in_graph(columns[:tasks], columns[tasks:])
        if net.stacked:
            return paddle.stack(truth), paddle.stack(weights)
        return [head.target_in_graph(each) for head, each in zip(net.heads, truth)], weights

    def _loss_of(self, logits, features: list, labels, weights):
        """Returns the net's loss of a batch."""
        for field, column in self._groups.items():
            self.network.groups[field] = features[self.network.inputs.ids_place][
                :, column : column + 1
            ]
        return self.network.checked_loss(logits, labels, weights)

    def _divided(self, fields) -> tuple[list, list]:
        """Returns the fields of a row as the net's inputs and the labels and sample weights."""
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
        truth = list(self.labels(batch).values())
        truth = [label[:, None] for label in truth]
        if "logits" in fetched:  # training, all tasks in one array
            self._scores.add(fetched["logits"], np.stack(truth))
            return
        scores = [fetched.get(_SCORES + task.name) for task in self.tasks]
        if scores[0] is None:  # evaluation
            self._scores.keep_rows()
            scores = [_score(task, fetched[task.name]) for task in self.tasks]
        stacked = self.network.stacked
        self._scores.add(*((np.stack(each) if stacked else each) for each in (scores, truth)))

    def _predicted(self, place: int, scores: np.ndarray) -> np.ndarray:
        return scores  # numbers are fetched in the label's unit

    def row_losses(self, fetched: dict, batch) -> dict[str, np.ndarray]:
        """Returns each task's loss in each row, ``[n]``, to find the one that is not finite."""
        if "logits" in fetched:
            return self.losses_of(fetched["logits"], self._divided(batch)[1])
        return {
            name: np.where(counts(label[:, None]), fetched[_ROWS + name][:, 0], 0.0)
            for name, label in self.labels(batch).items()
        }

    def predictions(self, fetched: dict) -> dict[str, np.ndarray]:
        """Returns P(label = 1) ``[n]`` of each binary task, class probabilities, or numbers."""
        return self.named_columns([fetched[task.name] for task in self.tasks])

    def complete(self, batch) -> list:
        """Returns rows to predict with missing labels and weights of 1, which the program takes.

        Optional: a batch of another number of fields is returned as it is.
        """
        inputs, columns = self._divided(batch)
        if len(columns) not in (0, len(self.tasks)):
            return batch
        rows = len(inputs[0])
        weights = [np.ones([rows, 1], np.float32) for _ in self._task_rows.columns]
        return [*inputs, *(columns or self._task_rows.truth([], rows)), *weights]

    def labels(self, batch) -> dict[str, np.ndarray]:
        """Returns each task's labels ``[n]``; negative or NaN in rows that do not count.

        Raises:
            ValueError: a label is out of its loss's range.
        """
        labels = self._task_rows.truth_by_task(self._divided(batch)[1], len(batch[0]))
        for head in self.network.heads:
            head.check(labels[head.task.name])
        return labels

    def weights(self, batch) -> dict[str, np.ndarray] | None:
        """Returns each task's sample weights ``[n]``; None if no task has any."""
        return self._task_rows.weights_by_task(self._divided(batch)[1], len(batch[0]))

    def _built(self) -> MultiTaskNet:
        return self.network

    def fit_inputs(self, blocks) -> dict:
        """Returns the parameters that are computed from the training data, by name."""
        return self._fit(self.network, blocks)


def _score(task: Task, predicted: np.ndarray) -> np.ndarray:
    """Returns what metrics take for a task's predictions ``[n, size]``."""
    if task.is_number:
        return predicted
    with np.errstate(divide="ignore"):  # a probability of 0 has log-odds at the limit
        return np.log(predicted)
