"""What the nets of all models here share."""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import nn


class MultiTaskNet(nn.Layer):
    """A net with one binary output a task.

    A subclass defines ``logits(features)``, ``[batch, features]`` to ``[task_num, batch, 2]``.

    Attributes:
        task_num: number of tasks.
        preprocess: a layer without trainable parameters that turns inputs into features, or
            None. Training applies it to many batches at once; ``forward`` includes it.
    """

    task_num: int

    def __init__(self, task_num: int):
        super().__init__()
        self.task_num = task_num
        self.preprocess = None

    def forward(self, x) -> list[paddle.Tensor]:
        """Returns each task's class probabilities, ``[batch, 2]``; column 1 is P(label = 1)."""
        return paddle.unbind(F.softmax(self.logits(self.features(x))))

    def features(self, x):
        """Returns the preprocessed inputs."""
        return x if self.preprocess is None else self.preprocess(x)
