"""The base class of all nets: logits, the loss, and how inputs become features."""

from __future__ import annotations

import math
from typing import Any

import paddle
import paddle.nn.functional as F
from paddle import nn

from models.common.layers import ops

# Attributes of an object, in which a person may expect a loss or a part of it.
_NOT_ATTRIBUTES = ("penalty", "loss", "row_losses", "create_loss")


class MultiTaskNet(nn.Layer):
    """A net with one output a task.

    A subclass defines ``logits(features)``: ``[batch, features]`` to ``[task_num, batch,
    class_num]``. It may define a ``loss`` of its own, which both graphs and the fast step call.

    Attributes:
        task_num: the number of tasks.
        class_num: the number of classes of every task.
        tasks: the tasks' declarations, once the model is built.
        inputs: the layer that turns inputs into features; None if the input is the features.
        smoothing: label smoothing (`tasks.losses.label_smoothing.Smoothing`); None for none.
        gate_names: the names of the columns of ``gate_weights``; None for ``expert 0`` and so on.
        writable: whether the fast step may write this net's training step. ``logits`` is then not
            called in every step, so attributes that are set between steps, other than by
            ``train`` and ``eval``, have no effect: such a net sets it to False.
        training_only: the arguments of the constructor that do not change predictions. All others
            must be those of a checkpoint that is read.
    """

    task_num: int
    class_num: int = 2
    tasks: tuple = ()
    gate_names: list[str] | None = None
    writable = True
    training_only: tuple[str, ...] = ("dropout",)

    def __init__(self, task_num: int):
        super().__init__()
        self.task_num = task_num
        self.inputs = None
        self.smoothing = None

    def __setattr__(self, name: str, value: Any) -> None:
        if name in _NOT_ATTRIBUTES:
            raise ValueError(
                f"{type(self).__name__}.{name}: training would not use this attribute; write a "
                "method loss(logits, labels, weights) in the class"
            )
        super().__setattr__(name, value)

    def forward(self, x, ids=None) -> list[paddle.Tensor]:
        """Returns each task's class probabilities, ``[batch, class_num]``.

        Args:
            x: the first input, as a reader yields it.
            ids: the second input, if there are two.
        """
        return paddle.unbind(F.softmax(self.logits(self.features(x, ids))))

    def features(self, x, ids=None):
        """Returns the features of inputs as a reader yields them."""
        if self.inputs is None:
            return x
        return self.inputs(x) if ids is None else self.inputs(x, ids)

    def loss(self, logits, labels, weights):
        """Returns the loss of a batch, a scalar: the weighted sum of all cross-entropies.

        A subclass may return something else, such as ``super().loss(...)`` plus a constraint.
        Tasks' weights and label smoothing have an effect only if it uses ``weights`` and
        ``row_losses``. Static graph calls it once, with -1 for the batch in the shapes.

        Args:
            logits: all tasks' logits, ``[task_num, batch, class_num]``.
            labels: all tasks' labels, ``[task_num, batch, 1]``; -100 in rows that do not count.
            weights: each row's share of the loss, ``[task_num, batch, 1]``: the task's weight
                divided by the number of rows.
        """
        return (self.row_losses(logits, labels) * weights).sum()

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
        """Returns the cross-entropy of each row, with label smoothing, ``[task_num, batch, 1]``."""
        losses = ops.softmax_cross_entropy(logits, labels)
        return losses if self.smoothing is None else self.smoothing.added_to(losses, logits, labels)

    @property
    def has_own_loss(self) -> bool:
        """Whether the net's class defines a loss of its own."""
        kind = type(self)
        return kind.loss is not MultiTaskNet.loss or kind.row_losses is not MultiTaskNet.row_losses
