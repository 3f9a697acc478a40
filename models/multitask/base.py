"""What a model is in dygraph and in static graph alike: a net, its tasks, its metrics.

A model folder names its net; everything else follows from the YAML.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence

import numpy as np
from paddle.static import InputSpec

from models.multitask.inputs import Inputs, input_specs, inputs_of
from models.multitask.metrics import Accuracy, Auc, Choices, Scores
from models.multitask.multitask_net import MultiTaskNet
from models.multitask.tasks import IGNORED, Task, conditions, tasks_of

_HYPER = "hyper_parameters"


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
            "optimizer.class": "adam",
            "optimizer.learning_rate": 0.001,
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
