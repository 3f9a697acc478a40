"""What a model is in both graphs: a net, its inputs, tasks and metrics, from one configuration."""

from __future__ import annotations

import inspect
from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
from paddle.static import InputSpec

from models.common import checks, hyper_parameters
from models.common.contract import record
from models.common.contract.net import MultiTaskNet
from models.common.inputs.inputs import Inputs, input_specs, inputs_of
from models.common.paddlerec import translation
from models.common.tasks.declaration import IGNORED, Task, conditions, tasks_of
from models.common.tasks.losses.label_smoothing import Smoothing
from models.common.tasks.metrics import Accuracy, Auc, Choices, Scores

VALID_METRIC = "runner.valid_metric"


class MultiTaskModel:
    """The part of the contract that both graphs share.

    Attributes:
        net_class: the folder's `MultiTaskNet`; its constructor's arguments are the model's own
            ``hyper_parameters``.
        paddlerec: PaddleRec's names of the net's parameters; None if PaddleRec has no such net.
        tasks: the tasks of the configuration, once a net is built.
    """

    net_class: type[MultiTaskNet]
    paddlerec: translation.Names | None = None
    tasks: tuple[Task, ...]

    @classmethod
    def hyper_parameters(cls) -> dict[str, Any]:
        """Returns every hyper-parameter that a YAML may set, with its default."""
        return {**hyper_parameters.DEFAULTS, **_arguments(cls.net_class)}

    def checkpoint_record(self, config) -> dict[str, Any]:
        """Returns what a checkpoint records of the model; see `record.record`."""
        arguments = _arguments(self.net_class)
        return record.record(config, self.net_class, arguments, self.input_specs(config))

    @classmethod
    def in_order_of(cls, config, recorded: Mapping[str, Any]) -> dict[str, Any]:
        """Returns the keys that give tasks and columns a checkpoint's order, with their values."""
        return record.in_order_of(config, recorded)

    def build_net(self, config) -> MultiTaskNet:
        """Returns the net of a configuration.

        Raises:
            ValueError: a hyper-parameter is out of range, or contradicts another.
        """
        hyper_parameters.check_used(config)
        self.tasks = tasks_of(config)
        inputs = self.create_inputs(config)
        section = hyper_parameters.SECTION
        arguments = {
            name: config.get(f"{section}.{name}", default)
            for name, default in _arguments(self.net_class).items()
        }
        for name in _required(self.net_class):
            if arguments[name] is None:
                raise ValueError(f"{section}.{name}: it is not set, and the net has no default")
        if "feature_size" in arguments:
            given = config.get(f"{section}.feature_size", inputs.size)
            if inputs.embedding is not None and given != inputs.size:
                raise ValueError(
                    f"{section}.feature_size: the inputs give {inputs.size} features, found {given}"
                )
            arguments["feature_size"] = inputs.size
        net = self.net_class(**arguments)
        if net.task_num != len(self.tasks):
            names = ", ".join(task.name for task in self.tasks)
            raise ValueError(
                f"{section}: the net is for {net.task_num} tasks, but tasks are {names}"
            )
        net.inputs, net.tasks = inputs, self.tasks
        share = hyper_parameters.value(config, "label_smoothing")
        share = checks.probability("label_smoothing", share)
        net.smoothing = Smoothing(share, net.class_num) if share else None
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
        """Returns each task's AUC, or accuracy if it has more than two classes; and their names."""
        if self._class_num == 2:
            self._scores, metric, prefix = Scores(len(self.tasks)), Auc, "auc"
        else:
            self._scores, metric, prefix = Choices(len(self.tasks)), Accuracy, "acc"
        metrics = [metric(self._scores, number) for number in range(len(self.tasks))]
        return metrics, [f"{prefix}_{task.name}" for task in self.tasks]

    def add_evaluated(self, scores, labels) -> None:
        """Adds an evaluated batch to the metrics, whose AUCs are exact where buckets are too wide.

        Args:
            scores: ``[task_num, batch, class_num]``: logits or log-probabilities.
            labels: ``[task_num, batch, 1]``.
        """
        if self._class_num == 2:
            self._scores.keep_rows()
        self._scores.add(scores, labels)

    def forget_batch(self) -> None:
        """Removes the last batch, whose step is skipped, from the metrics."""
        self._scores.forget_batch()

    def losses_of(self, logits: np.ndarray, labels: np.ndarray) -> dict[str, np.ndarray]:
        """Returns each task's cross-entropy in each row, ``[n]``, for an error message.

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
        """Returns a net's parameters from PaddleRec's; None if they have other names.

        Raises:
            ValueError: they do not fit the net.
        """
        known = self.paddlerec is not None and translation.is_paddlerecs(saved)
        return translation.from_paddlerec(net, self.paddlerec, saved) if known else None

    def to_paddlerec(self, net: MultiTaskNet, saved: translation.Arrays, static: bool) -> dict:
        """Returns the parameters of PaddleRec's net that computes what this net computes.

        Raises:
            ValueError: PaddleRec has no such net.
        """
        if self.paddlerec is None:
            raise ValueError(f"PaddleRec's {type(net).__name__} has other parameters")
        return translation.to_paddlerec(net, self.paddlerec, saved, static)

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
        """Returns labels ``[task_num, n, 1]`` as ``[n]`` a task, `IGNORED` in rows without."""
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


def _arguments(net_class: type) -> dict[str, Any]:
    """Returns a net's hyper-parameters with their defaults: its constructor's arguments."""
    arguments = inspect.signature(net_class.__init__).parameters
    shared = hyper_parameters.DEFAULTS
    return {
        name: shared.get(name) if each.default is each.empty else each.default
        for name, each in arguments.items()
        if name != "self"
    }


def _required(net_class: type) -> list[str]:
    """Returns the hyper-parameters of a net that have no default."""
    shared = hyper_parameters.DEFAULTS
    arguments = inspect.signature(net_class.__init__).parameters.items()
    return [
        name
        for name, each in arguments
        if name != "self" and each.default is each.empty and name not in shared
    ]
