"""What a model is in dygraph and in static graph alike: a net, its tasks, its metrics.

A model folder names its net; everything else follows from the YAML.
"""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Sequence

import numpy as np
from paddle.static import InputSpec

from models.multitask.checks import flag, whole
from models.multitask.inputs import Standardize, fit_standardize
from models.multitask.metrics import Auc, Scores
from models.multitask.multitask_net import MultiTaskNet
from models.multitask.tasks import Task, tasks_of

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
        if flag("standardize", config.get(f"{_HYPER}.standardize", True)):
            features = chosen["feature_size"]
            dense = whole("dense_input_dim", config.get(f"{_HYPER}.dense_input_dim", 11))
            if dense > features:
                raise ValueError(
                    f"{_HYPER}.dense_input_dim: {dense} is more than feature_size, {features}"
                )
            net.preprocess = Standardize(features, dense)
        self._weights = np.array([task.weight for task in self.tasks], np.float32)
        return net

    def input_specs(self, config) -> list[InputSpec]:
        """Returns the net's inputs: names, dtypes, and shapes with None for the batch."""
        size = config.get(f"{_HYPER}.feature_size", _defaults(self.net_class)["feature_size"])
        return [InputSpec([None, size], "float32", "input")]

    def output_names(self) -> list[str]:
        """Returns the tasks' names, in the order of the net's outputs."""
        return [task.name for task in self.tasks]

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


def _defaults(net_class: type) -> dict:
    arguments = inspect.signature(net_class.__init__).parameters
    return {name: value.default for name, value in arguments.items() if name != "self"}
