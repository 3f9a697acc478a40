"""What the nets of all models here share."""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import nn


class MultiTaskNet(nn.Layer):
    """A net with one output a task.

    A subclass defines ``logits(features)``, ``[batch, features]`` to ``[task_num, batch,
    class_num]``.

    Attributes:
        task_num: number of tasks.
        class_num: classes of every task.
        penalty: what the last batch's loss has to add, a tensor, or None.
        inputs: the layer that turns inputs into features; without one, the input is features.
        writable: whether training may write its step as code (`step_code`). ``logits`` is then
            not called in each step, so an attribute that is set between steps, other than by
            ``train`` and ``eval``, is not seen: such a net sets it to False. Where ``logits``
            takes a function that is not in `ops`, autograd finds the gradients anyway.
    """

    task_num: int
    class_num: int = 2
    penalty = None
    writable = True

    def __init__(self, task_num: int):
        super().__init__()
        self.task_num = task_num
        self.inputs = None

    def forward(self, x, ids=None) -> list[paddle.Tensor]:
        """Returns each task's class probabilities, ``[batch, class_num]``.

        Args:
            x: the first input, as a reader yields it.
            ids: the second, where there are two.
        """
        return paddle.unbind(F.softmax(self.logits(self.features(x, ids))))

    def features(self, x, ids=None):
        """Returns the features of inputs as a reader yields them."""
        if self.inputs is None:
            return x
        return self.inputs(x) if ids is None else self.inputs(x, ids)
