"""What a model is in dygraph and in static graph alike: a net, its tasks, its metrics.

A model folder names its net; everything else follows from the YAML.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence

import numpy as np
from paddle.static import InputSpec

from models.common.contract.net import MultiTaskNet
from models.common.inputs.inputs import Inputs, input_specs, inputs_of
from models.common.paddlerec import translation
from models.common.tasks.label_smoothing import Smoothing
from models.common.tasks.metrics import Accuracy, Auc, Choices, Scores
from models.common.tasks.tasks import IGNORED, Task, conditions, tasks_of

_HYPER = "hyper_parameters"
# What the reader of datasets/readers/table takes; docs/table.md explains it.
_TABLE = ("labels", "dense", "sparse", "missing", "delimiter", "column_names")
# Of the learning rate, which the engine sets before each step; docs/training.md explains it.
_SCHEDULE = {
    "schedule": "constant",
    "schedule_by": "epoch",
    "schedule_length": None,
    "step_size": None,
    "milestones": None,
    "gamma": None,
    "minimum_rate": 0.0,
    "plateau_patience": 2,
    "warmup_steps": 0,
    "warmup_epochs": 0.0,
}


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
            "dense_bins": 0,
            "dense_input_dim": 11,
            "sparse_fields": None,
            "embedding_size": 16,
            "sparse_gradients": True,
            "hash_ids": False,
            "label_smoothing": 0.0,
            **{f"table.{name}": None for name in _TABLE},
            "optimizer.class": "adam",
            "optimizer.learning_rate": 0.001,
            "optimizer.weight_decay": None,
            "optimizer.momentum": 0.9,
            "optimizer.clip_grad_norm": None,
            **{f"optimizer.{name}": value for name, value in _SCHEDULE.items()},
        }

    def build_net(self, config) -> MultiTaskNet:
        """Returns the net of a configuration.

        Raises:
            ValueError: a hyper-parameter is out of range, or contradicts another.
        """
        self.tasks = tasks_of(config)
        inputs = self.create_inputs(config)
        chosen = {
            name: config.get(f"{_HYPER}.{name}", default)
            for name, default in _defaults(self.net_class).items()
        }
        if "feature_size" in chosen:
            given = config.get(f"{_HYPER}.feature_size", inputs.size)
            if inputs.embedding is not None and given != inputs.size:
                raise ValueError(
                    f"{_HYPER}.feature_size: the inputs give {inputs.size} features, found {given}"
                )
            chosen["feature_size"] = inputs.size
        net = self.net_class(**chosen)
        if net.task_num != len(self.tasks):
            names = ", ".join(task.name for task in self.tasks)
            raise ValueError(
                f"{_HYPER}: the net is for {net.task_num} tasks, but tasks are {names}"
            )
        net.inputs = inputs
        self._class_num = net.class_num
        self._weights = np.array([task.weight for task in self.tasks], np.float32)
        self._conditions = conditions(self.tasks)
        self._smoothing = Smoothing(config, net.class_num)
        return net

    def create_inputs(self, config) -> Inputs:
        """Returns the layer that turns inputs into features."""
        return inputs_of(config)

    def input_specs(self, config) -> list[InputSpec]:
        """Returns the net's inputs: names, dtypes, and shapes with None for the batch."""
        return input_specs(config)

    def output_names(self) -> list[str]:
        """Returns the tasks' names, in the order of the net's outputs."""
        return [task.name for task in self.tasks]

    def create_metrics(self) -> tuple[list, list[str]]:
        """Returns each task's AUC, or accuracy where there are more classes; and their names."""
        if self._class_num == 2:
            self._scores, metric, prefix = Scores(len(self.tasks)), Auc, "auc"
        else:
            self._scores, metric, prefix = Choices(len(self.tasks)), Accuracy, "acc"
        metrics = [metric(self._scores, number) for number in range(len(self.tasks))]
        return metrics, [f"{prefix}_{task.name}" for task in self.tasks]

    def forget_batch(self) -> None:
        """Takes the batch of a step that is skipped out of the metrics again."""
        self._scores.forget_batch()

    def losses_of(self, logits: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
        """Returns each task's loss in each row, ``[n]``: what an error looks into.

        Args:
            logits: ``[task_num, n, class_num]``.
            labels: ``[task_num, n, 1]``.
        """
        labels = self.labels_that_count(labels)
        with np.errstate(all="ignore"):
            shifted = logits - logits.max(axis=2, keepdims=True)
            chosen = np.take_along_axis(shifted, labels.clip(min=0), axis=2)[:, :, 0]
            rows = np.log(np.exp(shifted).sum(axis=2)) - chosen
        rows = np.where(labels[:, :, 0] == IGNORED, 0.0, rows)
        return {task.name: row for task, row in zip(self.tasks, rows)}

    def from_paddlerec(self, net: MultiTaskNet, saved: translation.Arrays) -> dict | None:
        """Returns a net's parameters from those of PaddleRec's; None if they are not PaddleRec's.

        Raises:
            ValueError: they do not fit the net.
        """
        known = hasattr(net, "paddlerec_places") and translation.is_paddlerecs(saved)
        return translation.from_paddlerec(net, saved) if known else None

    def to_paddlerec(self, net: MultiTaskNet, saved: translation.Arrays, static: bool) -> dict:
        """Returns the parameters of PaddleRec's net, from those of a net; see `paddlerec`.

        Raises:
            ValueError: PaddleRec has no such net.
        """
        if not hasattr(net, "paddlerec_places"):
            raise ValueError(f"PaddleRec's {type(net).__name__} has other parameters")
        return translation.to_paddlerec(net, saved, static)

    def named_columns(self, probabilities: Sequence) -> dict:
        """Returns each task's probabilities ``[n, class_num]`` as named columns ``[n]``."""
        named = {}
        for task, table in zip(self.tasks, probabilities):
            if self._class_num == 2:
                named[task.name] = table[:, 1]
            else:
                columns = {f"{task.name}_{c}": table[:, c] for c in range(self._class_num)}
                named.update(columns)
        return named

    def labels_by_task(self, labels: np.ndarray) -> dict[str, np.ndarray]:
        """Returns labels ``[task_num, n, 1]`` as ``[n]`` a task, `IGNORED` where none counts."""
        counted = self.labels_that_count(labels).astype(np.int64)
        return {task.name: row.reshape(-1) for task, row in zip(self.tasks, counted)}

    def labels_that_count(self, labels: np.ndarray) -> np.ndarray:
        """Returns labels ``[task_num, ...]`` with `IGNORED` in rows where a task does not count."""
        if not self._conditions:
            return labels
        counted = labels.copy()
        for task, condition in self._conditions:
            counted[task][labels[condition] != 1] = IGNORED
        return counted

    def _fit(self, net: MultiTaskNet, blocks: Iterable[Sequence[np.ndarray]]) -> dict:
        if net.inputs.scale is None:
            return {}
        fitted = net.inputs.scale.fit(block[0] for block in blocks)
        return {f"inputs.scale.{name}": value for name, value in fitted.items()}


def _defaults(net_class: type) -> dict:
    arguments = inspect.signature(net_class.__init__).parameters
    return {name: value.default for name, value in arguments.items() if name != "self"}
