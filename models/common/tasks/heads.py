"""What a net predicts for a task: its loss, and how logits become predictions."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import paddle
from paddle import nn

from models.common.tasks.declaration import KEY, Task
from models.common.tasks.losses import registry
from models.common.tasks.losses.base import bounded_exp


class Head:
    """The loss of a task and its predictions.

    Args:
        task: the task.

    Attributes:
        task: the task.
        loss: its loss.
        size: the number of its logits.
        scale: transforms its labels for the loss and predictions back; None without transform.

    Raises:
        ValueError: the task's loss does not exist, does not fit its type, or has other options.
    """

    def __init__(self, task: Task):
        self.task = task
        try:
            arguments = (task.type, task.class_num, task.loss)
            self.loss = registry.create(*arguments, label_smoothing=task.label_smoothing)
        except ValueError as error:
            raise ValueError(f"{KEY}: {task.name}: loss: {error}") from error
        self.size = self.loss.size
        if task.transform and not self.loss.transformable:
            raise ValueError(
                f"{KEY}: {task.name}: transform: the loss {self.loss.name} takes labels in their "
                "own unit"
            )
        self.scale = TargetScale(task.transform) if task.transform else None

    def predictions(self, logits):
        """Returns class probabilities ``[n, class_num]``, or ``[n, 1]`` in the label's unit."""
        predicted = self.loss.prediction(logits)
        return predicted if self.scale is None else self.scale.inverse(predicted)

    def row_losses(self, logits, targets):
        """Returns the loss of each row ``[n, 1]``; see `target` for the targets."""
        return self.loss.rows(logits, targets)

    def target(self, labels: np.ndarray) -> np.ndarray:
        """Returns labels ``[n, 1]`` as the loss takes them.

        Cross-entropy skips a negative label. Other losses get 0 where a row does not count; its
        weight is 0 there.

        Raises:
            ValueError: a label is out of the loss's range.
        """
        if not self.task.is_number:
            return labels if self.loss.is_cross_entropy else labels.clip(min=0)
        self.check(labels)
        labels = np.nan_to_num(labels, nan=0.0, posinf=np.inf, neginf=-np.inf)
        return labels if self.scale is None else self.scale.scaled(labels)

    def target_in_graph(self, labels):
        """Returns labels ``[n, 1]`` of a static program as the loss takes them; see `target`."""
        if not self.task.is_number:
            return labels if self.loss.is_cross_entropy else paddle.clip(labels, min=0)
        return labels if self.scale is None else self.scale(labels)

    def check(self, labels: np.ndarray) -> None:
        """Checks the range of labels, NaN in rows that do not count.

        Raises:
            ValueError: a label is out of the range of the loss or of the transform.
        """
        if self.loss.nonnegative:
            wrong, reason = labels < 0, f"the loss {self.loss.name} needs labels of at least 0"
        elif "log1p" in self.task.transform:
            wrong, reason = labels <= -1, "log1p needs labels above -1"
        else:
            return
        if wrong.any():
            found = f"found the label {labels[wrong].min():g}"
            raise ValueError(f"{KEY}: {self.task.name}: {found}; {reason}")


class TargetScale(nn.Layer):
    """Transforms the numbers that a task learns, and predictions back.

    Mean and deviation come from the training labels. They are parameters that no optimizer
    changes, so checkpoints and exported models contain them.

    Args:
        transform: ``log1p``, ``standardize``, or both in this order.
    """

    def __init__(self, transform: Sequence[str]):
        super().__init__()
        self._log, self._standardizes = "log1p" in transform, "standardize" in transform
        if self._standardizes:
            self.mean, self.deviation = self._fitted(0.0), self._fitted(1.0)

    def _fitted(self, value: float):
        attr = paddle.ParamAttr(initializer=nn.initializer.Constant(value), trainable=False)
        parameter = self.create_parameter([1], attr=attr)
        parameter.stop_gradient = True
        return parameter

    def forward(self, labels):
        """Returns labels as the loss takes them."""
        labels = paddle.log1p(labels) if self._log else labels
        return (labels - self.mean) / self.deviation if self._standardizes else labels

    def inverse(self, predicted):
        """Returns predictions in the label's unit."""
        if self._standardizes:
            predicted = predicted * self.deviation + self.mean
        return bounded_exp(predicted) - 1.0 if self._log else predicted

    def scaled(self, labels: np.ndarray) -> np.ndarray:
        """Returns an array of labels as the loss takes them."""
        labels = np.log1p(labels) if self._log else labels
        if self._standardizes:
            labels = (labels - self.mean.numpy()) / self.deviation.numpy()
        return labels.astype(np.float32)

    def fit(self, labels: np.ndarray) -> dict[str, np.ndarray]:
        """Returns the parameters' values by name, from all training labels ``[n]``."""
        if not self._standardizes or not len(labels):
            return {}
        values = labels.astype(np.float64)
        values = np.log1p(values) if self._log else values
        deviation = values.std() or 1.0  # of a constant label
        return {
            "mean": np.array([values.mean()], np.float32),
            "deviation": np.array([deviation], np.float32),
        }
