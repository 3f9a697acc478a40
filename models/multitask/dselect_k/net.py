"""DSelect-k: gates that choose k of the experts, and are learned by gradients."""

from __future__ import annotations

from collections.abc import Sequence

import paddle
import paddle.nn.functional as F

from models.common.checks import (
    FeatureSize,
    Sizes,
    flag,
    flat_size,
    layer_sizes,
    positive,
    probability,
    whole,
)
from models.common.contract.net import MultiTaskNet
from models.common.layers.dense import Linear, Towers
from models.common.layers.dselect_k_gates import DSelectK
from models.common.layers.experts import stacked_experts

GATES = ("dselect_k", "softmax")


class DSelectKLayer(MultiTaskNet):
    r"""A mixture of experts a task, mixed by `DSelectK` gates.

    Hazimeh et al. 2021, "DSelect-k: Differentiable Selection in the Mixture of Experts with
    Applications to Multi-Task Learning", https://arxiv.org/abs/2106.03760. Experts are small
    convolutional nets where the input is images, and multi-layer perceptrons where it is
    features. With ``gate: softmax`` the net is the paper's MMoE, for comparison.

    Args:
        feature_size: number of input features, or the shape of an image, ``(1, height, width)``.
        task_num: number of tasks.
        class_num: classes of every task.
        expert_num: number of experts.
        expert_size: outputs of an expert's layer, or of each of its layers; for images, of those
            after the convolutions.
        tower_size: size of a tower's hidden layer, or of each of several (``[]`` for none).
        gate: ``dselect_k`` or ``softmax``.
        k: the most experts that a task uses (``topk`` in some implementations).
        gamma: width of the smooth step.
        per_example: gates that look at each example, instead of one choice a task.
        entropy: weight :math:`\lambda` of the penalty that makes selectors decide.
        dropout: probability that a hidden output is dropped while training.
        output_sizes: the number of logits of each task; ``class_num`` each if empty.

    Raises:
        ValueError: an argument is out of range.
    """

    training_only = ("dropout", "entropy")
    no_images = ""
    writable = False  # convolutions take most of its time, so the fast step would not help

    def __init__(
        self,
        feature_size: FeatureSize,
        task_num: int = 2,
        class_num: int = 2,
        expert_num: int = 8,
        expert_size: Sizes = 50,
        tower_size: Sizes = 50,
        gate: str = "dselect_k",
        k: int = 2,
        gamma: float = 1.0,
        per_example: bool = False,
        entropy: float = 0.01,
        dropout: float = 0.0,
        output_sizes: Sequence[int] = (),
    ):
        super().__init__(whole("task_num", task_num))
        whole("expert_num", expert_num, minimum=2)
        sizes = layer_sizes("expert_size", expert_size, minimum=1)
        if gate not in GATES:
            raise ValueError(
                f"hyper_parameters.gate: expected {' or '.join(GATES)}, found {gate!r}"
            )
        if whole("k", k) > expert_num:
            raise ValueError(f"hyper_parameters.k: {k} is more than expert_num, {expert_num}")
        positive("gamma", gamma)
        self.entropy = positive("entropy", entropy, or_zero=True)
        probability("dropout", dropout)
        in_size = flat_size(feature_size)
        self.experts = stacked_experts(feature_size, expert_num, sizes, dropout)
        if gate == "softmax":
            self.gates = Linear(in_size, task_num * expert_num, fan_out=expert_num)
        else:
            looks_at = in_size if flag("per_example", per_example) else None
            self.gates = DSelectK(task_num, expert_num, k, gamma, looks_at)
        self.expert_num = expert_num
        output_sizes = output_sizes or [whole("class_num", class_num, minimum=2)] * task_num
        self.towers = Towers(task_num, sizes[-1], tower_size, dropout, output_sizes)

    def logits(self, features):
        """Returns logits ``[task_num, batch, size]`` of features or images."""
        experts = self.experts(features)  # [experts, batch, size]
        weights = self._weights(features.flatten(1))
        # One product mixes for all tasks.
        if isinstance(self.gates, DSelectK) and not self.gates.per_example:
            mixed = paddle.matmul(weights.squeeze(0), experts.flatten(1))
            mixed = mixed.reshape([self.task_num, -1, experts.shape[-1]])
        else:
            mixed = paddle.matmul(weights, experts.transpose([1, 0, 2])).transpose([1, 0, 2])
        return self.towers(mixed)

    def loss(self, logits, labels, weights):
        """Returns the loss with the entropy penalty of the gates that computed ``logits``."""
        loss = super().loss(logits, labels, weights)
        if not isinstance(self.gates, DSelectK) or not self.entropy:
            return loss
        return loss + self.gates.penalty(self._selectors, self.entropy)

    def gate_weights(self, features):
        """Returns each task's mean weight of every expert, ``[task_num, expert_num]``."""
        return self._weights(features.flatten(1)).mean(axis=0)

    def _weights(self, x):
        """Returns the gates' weights, ``[batch or 1, task_num, expert_num]``."""
        if not isinstance(self.gates, DSelectK):
            return F.softmax(self.gates(x).reshape([-1, self.task_num, self.expert_num]))
        selectors, weights = self.gates.selectors(x)
        # Not through Layer.__setattr__, which would keep it as state.
        self.__dict__["_selectors"] = selectors
        return (selectors * weights.unsqueeze(-1)).sum(axis=2)
