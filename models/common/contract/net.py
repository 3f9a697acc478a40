"""The base class of all nets: logits, the loss, and how inputs become features."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import nn

from models.common.layers import ops
from models.common.layers.cross_entropy import softmax_cross_entropy
from models.common.tasks.declaration import TYPES
from models.common.tasks.heads import Head

# Attributes of an object, in which a person may expect a loss or a part of it.
_NOT_ATTRIBUTES = ("penalty", "loss", "row_losses", "create_loss")


class MultiTaskNet(nn.Layer):
    """A net with one output a task.

    A subclass defines ``logits(features)``. It maps ``[batch, features]``, or images, to one tensor
    ``[task_num, batch, size]``, or to a list of ``[batch, size]`` if tasks have different sizes.
    ``logits[t]`` are those of task t in both cases. The class may define a ``loss`` of its own,
    which both graphs and the fast step call.

    Attributes:
        task_num: the number of tasks.
        class_num: the number of logits of every task if the constructor has no ``output_sizes``.
        task_types: the types of tasks that the net's formula allows.
        tasks: the tasks' declarations, once the model is built.
        heads: the tasks' losses and predictions (`tasks.heads.Head`), once the model is built.
        stacked: whether one cross-entropy is the loss of all tasks. If not, labels and weights are
            lists with an entry a task.
        inputs: the layer that turns inputs into features; None if the input is the features.
        smoothing: label smoothing (`tasks.losses.label_smoothing.Smoothing`); None for none.
        no_images: why the net reads no images, for an error; empty if it reads them. Its argument
            ``feature_size`` is then the shape of an image, ``(1, height, width)``.
        gate_names: the names of the columns of ``gate_weights``; None for ``expert 0`` and so on.
        writable: whether the fast step may write this net's training step. ``logits`` is then not
            called in every step, so attributes that are set between steps, other than by
            ``train`` and ``eval``, have no effect: such a net sets it to False.
        needs: what ``logits`` reads beside the features: some of `inputs.features.NEEDS`. It then
            gets `inputs.features.Features` in place of a tensor. The constructor may have the
            arguments ``group_sizes``, a mapping from a group's name to its size, and
            ``domain_num``, the number of domains.
        table_num: the number of tables of fields with ``tables: per_task``, for a net that needs
            "tables"; None for as many as tasks.
        training_only: the arguments of the constructor that do not change predictions. All others
            must be those of a checkpoint that is read.
        appends_tasks: whether a further task only appends to the axes of parameters, so that a
            warm start finds the earlier tasks' values in their leading part.
    """

    task_num: int
    class_num: int = 2
    task_types: tuple[str, ...] = TYPES
    tasks: tuple = ()
    heads: Sequence[Head] = ()
    stacked = True
    no_images: str = "its layers take a number of features"
    gate_names: list[str] | None = None
    writable = True
    needs: Sequence[str] = ()
    table_num: int | None = None
    training_only: tuple[str, ...] = ("dropout",)
    appends_tasks = False

    def __init__(self, task_num: int):
        super().__init__()
        self.task_num = task_num
        self.inputs = None
        self.smoothing = None
        self.groups: dict = {}  # of the batch: the ids [batch, 1] of fields that losses group by

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _NOT_ATTRIBUTES:
            raise ValueError(
                f"{type(self).__name__}.{name}: training would not use this attribute; write a "
                "method loss(logits, labels, weights) in the class"
            )
        super().__setattr__(name, value)

    def forward(self, x, ids=None, weights=None) -> list[paddle.Tensor]:
        """Returns each task's predictions.

        They are class probabilities ``[batch, class_num]``, or ``[batch, 1]`` in the label's unit.

        Args:
            x: the first input, as a reader yields it.
            ids: the second input, if there are two.
            weights: the third input, if there are three.
        """
        return self.predictions(self.logits(self.features(x, ids, weights)))

    def predictions(self, logits) -> list[paddle.Tensor]:
        """Returns each task's predictions for logits; see `forward`."""
        if self.stacked:
            return paddle.unbind(F.softmax(logits))
        return [head.predictions(each) for head, each in zip(self.heads, self.by_task(logits))]

    def by_task(self, logits) -> list:
        """Returns logits as a list with an entry a task, ``[batch, size]``."""
        if isinstance(logits, (list, tuple)):
            return list(logits)
        return list(ops.unbind(logits, axis=0, count=self.task_num))

    def features(self, x, ids=None, weights=None):
        """Returns the features of inputs as a reader yields them."""
        if self.inputs is None:
            return x
        if weights is not None:
            return self.inputs(x, ids, weights)
        return self.inputs(x) if ids is None else self.inputs(x, ids)

    def loss(self, logits, labels, weights):
        """Returns the loss of a batch, a scalar: the weighted sum of all tasks' losses.

        A subclass may return something else, such as ``super().loss(...)`` plus a constraint.
        Tasks' weights, losses and label smoothing have an effect only if it uses ``weights`` and
        ``row_losses``. Static graph calls it once, with -1 for the batch in the shapes.

        Args:
            logits: all tasks' logits; see `logits` above.
            labels: all tasks' labels, ``[task_num, batch, 1]``; -100 in rows that do not count. A
                list if the net is not `stacked`: numbers are transformed there, and 0 in rows that
                do not count.
            weights: each row's share of the loss, in the form of the labels: the task's weight
                divided by the number of rows that count; see `tasks.task_rows`.
        """
        if self.stacked:
            return (self.row_losses(logits, labels) * weights).sum()
        parts = zip(self.heads, self.by_task(logits), labels, weights)
        return paddle.add_n([self._task_loss(*part) for part in parts])

    def _task_loss(self, head: Head, logits, labels, weights):
        groups = self.groups.get(head.loss.within) if head.loss.within else None
        return head.loss.total(logits, labels, weights, groups)

    def checked_loss(self, logits, labels, weights):
        """Returns `loss`.

        Raises:
            ValueError: it is more than one number.
        """
        loss = self.loss(logits, labels, weights)
        if math.prod(loss.shape) != 1:
            raise ValueError(
                f"{type(self).__name__}.loss: expected one number, found shape "
                f"{list(loss.shape)}; add .sum()"
            )
        return loss

    def row_losses(self, logits, labels):
        """Returns the loss of each row, in the form of the labels."""
        if not self.stacked:
            parts = zip(self.heads, self.by_task(logits), labels)
            return [head.row_losses(each, label) for head, each, label in parts]
        losses = softmax_cross_entropy(logits, labels)
        return losses if self.smoothing is None else self.smoothing.added_to(losses, logits, labels)

    @property
    def has_own_loss(self) -> bool:
        """Whether the net's class defines a loss of its own."""
        kind = type(self)
        return kind.loss is not MultiTaskNet.loss or kind.row_losses is not MultiTaskNet.row_losses
