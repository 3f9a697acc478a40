"""What a model is in both graphs: a net, its inputs, tasks and metrics, from one configuration."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from itertools import chain, islice
from typing import Any

import numpy as np
import paddle
from paddle.base.dygraph import guard as dygraph_guard
from paddle.static import InputSpec

from datasets.readers.sparse_fields import fields_of
from models.common import hyper_parameters
from models.common.contract import growth, net_arguments, record
from models.common.contract.net import MultiTaskNet
from models.common.inputs.building import domain_num, input_specs, inputs_of
from models.common.inputs.inputs import Inputs
from models.common.paddlerec import translation
from models.common.tasks.declaration import KEY as TASKS
from models.common.tasks.declaration import Task, tasks_of
from models.common.tasks.heads import Head
from models.common.tasks.metrics.task_streams import TaskStreams
from models.common.tasks.task_rows import TaskRows, counts

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
        return {**hyper_parameters.DEFAULTS, **net_arguments.of(cls.net_class)}

    def checkpoint_record(self, config) -> dict[str, Any]:
        """Returns what a checkpoint records of the model; see `record.record`."""
        arguments = net_arguments.of(self.net_class)
        return record.record(config, self.net_class, arguments, self.input_specs(config))

    moves = staticmethod(growth.moves)  # where a checkpoint's parameters go in a larger net

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
        if inputs.are_images and self.net_class.no_images:
            raise ValueError(
                f"{section}.image_size: {self.net_class.__name__} reads no images: "
                f"{self.net_class.no_images}"
            )
        arguments = {
            name: config.get(f"{section}.{name}", default)
            for name, default in net_arguments.of(self.net_class).items()
        }
        for name in net_arguments.required(self.net_class):
            if arguments[name] is None:
                raise ValueError(f"{section}.{name}: it is not set, and the net has no default")
        if "feature_size" in arguments:
            given = config.get(f"{section}.feature_size", inputs.size)
            if inputs.embedding is not None and given != inputs.size:
                raise ValueError(
                    f"{section}.feature_size: the inputs give {inputs.size} features, found {given}"
                )
            arguments["feature_size"] = inputs.size
        heads = [Head(task) for task in self.tasks]
        following = {**self._output_sizes(heads), **self._feature_sizes(config, inputs)}
        net = self.net_class(**arguments, **following)
        if net.task_num != len(self.tasks):
            names = ", ".join(task.name for task in self.tasks)
            raise ValueError(
                f"{section}: the net is for {net.task_num} tasks, but tasks are {names}"
            )
        net.inputs, net.tasks, net.heads = inputs, self.tasks, heads
        for head in heads:
            if head.scale is not None:  # the net's parameters include its statistics
                net.add_sublayer(f"target_{head.task.name}", head.scale)
        net.stacked = _are_stacked(heads)
        net.smoothing = heads[0].loss.smoothing if net.stacked else None
        self._task_rows = TaskRows(self.tasks, config)
        self._groups = dict(_group_column(config, head) for head in heads if head.loss.within)
        return net

    def _output_sizes(self, heads: Sequence[Head]) -> dict[str, list[int]]:
        """Returns the net's argument for the sizes of the outputs.

        Raises:
            ValueError: the net cannot have a task of such a type.
        """
        kind = self.net_class
        for head in heads:
            if head.task.type not in kind.task_types:
                raise ValueError(
                    f"{TASKS}: {head.task.name}: type: {kind.__name__} takes "
                    f"{' and '.join(kind.task_types)} tasks only, found {head.task.type}"
                )
        sizes = [head.size for head in heads]
        if net_arguments.accepts(kind, net_arguments.OUTPUT_SIZES):
            return {net_arguments.OUTPUT_SIZES: sizes}
        for head in heads:
            if head.size != kind.class_num:
                raise ValueError(
                    f"{TASKS}: {head.task.name}: it needs {head.size} logits, and "
                    f"{kind.__name__} has {kind.class_num} a task: give its constructor an "
                    "argument output_sizes"
                )
        return {}

    def _feature_sizes(self, config, inputs: Inputs) -> dict[str, Any]:
        """Returns the net's arguments for the sizes of its groups and the number of domains."""
        found: dict[str, Any] = {}
        if net_arguments.accepts(self.net_class, net_arguments.GROUP_SIZES):
            found[net_arguments.GROUP_SIZES] = inputs.layout.group_sizes()
        if net_arguments.accepts(self.net_class, net_arguments.DOMAIN_NUM):
            found[net_arguments.DOMAIN_NUM] = domain_num(config)
        return found

    def create_inputs(self, config) -> Inputs:
        """Returns the layer that turns inputs into features."""
        table_num = self.net_class.table_num or len(tasks_of(config))
        return inputs_of(config, self.net_class.needs, table_num)

    def input_specs(self, config) -> list[InputSpec]:
        """Returns the net's inputs: names, dtypes, and shapes with None for the batch."""
        return input_specs(config)

    def output_names(self) -> list[str]:
        """Returns the tasks' names, in the order of the net's outputs."""
        return [task.name for task in self.tasks]

    def task_facts(self) -> list[dict[str, Any]]:
        """Returns each task's name, type, classes and ``rows``, for metrics and exports."""
        return [task.facts() for task in self.tasks]

    def create_metrics(self) -> tuple[list, list[str]]:
        """Returns the tasks' streaming metrics and their names; see `TaskStreams`."""
        stacked = self._built().stacked
        self._scores = TaskStreams(self.tasks, self._predicted, stacked)
        return self._scores.metrics, self._scores.names

    def _built(self) -> MultiTaskNet:
        """Returns the net of `build_net`."""
        raise NotImplementedError

    def _predicted(self, place: int, scores: np.ndarray) -> np.ndarray:
        """Returns predictions ``[n, 1]`` of a task's logits ``[n, size]``."""
        with dygraph_guard(), paddle.no_grad():
            return self._built().heads[place].predictions(paddle.to_tensor(scores)).numpy()

    def forget_batch(self) -> None:
        """Removes the last batch, whose step is skipped, from the metrics."""
        self._scores.forget_batch()

    def losses_of(self, logits: Any, columns: Sequence[np.ndarray]) -> dict[str, np.ndarray]:
        """Returns each task's loss in each row, ``[n]``, for an error message.

        Args:
            logits: all tasks' logits, as arrays.
            columns: labels and sample weights of a batch.
        """
        truth = self._task_rows.truth(columns)
        losses = {}
        with dygraph_guard(), paddle.no_grad():
            for head, scores, labels in zip(self._built().heads, logits, truth):
                target = head.target(labels)
                arrays = (np.asarray(scores), target)
                rows = head.row_losses(*map(paddle.to_tensor, arrays)).numpy()[:, 0]
                losses[head.task.name] = np.where(counts(labels), rows, 0.0)
        return losses

    def from_paddlerec(self, net: MultiTaskNet, saved: translation.Arrays) -> dict | None:
        """Returns a net's parameters from PaddleRec's; None if they have other names.

        Raises:
            ValueError: they do not fit the net.
        """
        known = not translation.missing(net, self.paddlerec) and translation.is_paddlerecs(saved)
        return translation.from_paddlerec(net, self.paddlerec, saved) if known else None

    def to_paddlerec(self, net: MultiTaskNet, saved: translation.Arrays, static: bool) -> dict:
        """Returns the parameters of PaddleRec's net that computes what this net computes.

        Raises:
            ValueError: PaddleRec has no such net.
        """
        why = translation.missing(net, self.paddlerec)
        if why:
            raise ValueError(f"PaddleRec's {type(net).__name__} {why}")
        return translation.to_paddlerec(net, self.paddlerec, saved, static)

    def named_columns(self, predictions: Sequence) -> dict:
        """Returns each task's predictions ``[n, size]`` as named columns ``[n]``.

        A column of class probabilities has the name of the task and of the class.
        """
        named = {}
        for task, table in zip(self.tasks, predictions):
            shown = table[:, -len(task.columns) :]  # of a binary task P(label = 1)
            named.update({name: shown[:, place] for place, name in enumerate(task.columns)})
        return named

    def _fit(self, net: MultiTaskNet, blocks: Iterable[Sequence[np.ndarray]]) -> dict:
        """Returns the statistics of inputs and labels by the names of their parameters."""
        scales = [(place, head) for place, head in enumerate(net.heads) if head.scale is not None]
        places, found = len(net.inputs.specs), {place: [] for place, _ in scales}
        blocks = iter(blocks)  # the inputs' statistics may need a part of the rows only
        first = list(islice(blocks, 1))
        net.inputs.check(first[0][:places] if first else [])
        blocks = chain(first, blocks)

        def inputs() -> Iterator[np.ndarray]:
            for block in blocks:
                labels = self._task_rows.truth(block[places:])
                for place in found:
                    found[place].append(labels[place][counts(labels[place]), 0])
                yield block[0]

        arrays = inputs()
        fitted = {f"inputs.{name}": value for name, value in net.inputs.fit(arrays).items()}
        if scales:
            for _ in arrays:
                pass
        for place, head in scales:
            values = head.scale.fit(np.concatenate(found[place]))
            fitted.update({f"target_{head.task.name}.{k}": v for k, v in values.items()})
        return fitted


def _group_column(config, head: Head) -> tuple[str, int]:
    """Returns the field whose rows a loss compares, and its column in a batch's ids.

    Raises:
        ValueError: there is no such field of one id.
    """
    column, columns = 0, {}
    for field in fields_of(config):
        if field.max_len == 1:
            columns[field.name] = column
        column += field.max_len
    if head.loss.within not in columns:
        raise ValueError(
            f"{TASKS}: {head.task.name}: loss: within: expected a sparse field of one id "
            f"({', '.join(columns) or 'there is none'}), found {head.loss.within!r}"
        )
    return head.loss.within, columns[head.loss.within]


def _are_stacked(heads: Sequence[Head]) -> bool:
    """Returns whether one cross-entropy is the loss of all tasks."""
    first = heads[0].loss
    share = first.smoothing and first.smoothing.share
    return all(
        head.loss.is_cross_entropy
        and head.size == first.size
        and head.task.type == heads[0].task.type
        and (head.loss.smoothing and head.loss.smoothing.share) == share
        for head in heads
    )
