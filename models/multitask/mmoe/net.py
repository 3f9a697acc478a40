"""MMoE: experts that all tasks share, mixed by one gate per task."""

from __future__ import annotations

from collections.abc import Sequence

from models.common.checks import FeatureSize, Sizes, probability, whole
from models.common.contract.net import MultiTaskNet
from models.common.layers import ops
from models.common.layers.dense import Towers
from models.common.layers.experts import ExpertsAndGates


class MMoELayer(MultiTaskNet):
    r"""Multi-gate Mixture-of-Experts.

    :math:`y_k = h_k(\sum_i g_k(x)_i f_i(x))`, :math:`g_k(x) = \mathrm{softmax}(W_k x)`
    (Ma et al. 2018, "Modeling Task Relationships in Multi-task Learning with Multi-gate
    Mixture-of-Experts").

    Args:
        feature_size: number of input features, or the shape of an image, ``(1, height, width)``.
        expert_num: number of experts.
        expert_size: size of an expert's layer, or of each of its layers.
        tower_size: size of a tower's hidden layer, or of each of several (``[]`` for none).
        gate_num: number of gates, one a task.
        gate_size: hidden layers of a gate before its softmax (``[]`` for none).
        dropout: probability that a hidden output is dropped while training.
        output_sizes: the number of logits of each task; 2 each if empty.

    Raises:
        ValueError: an argument is out of range.
    """

    no_images = ""
    appends_tasks = True  # the first layer has the experts, then a gate a task

    def __init__(
        self,
        feature_size: FeatureSize,
        expert_num: int = 8,
        expert_size: Sizes = 16,
        tower_size: Sizes = 8,
        gate_num: int = 2,
        gate_size: Sizes = (),
        dropout: float = 0.0,
        output_sizes: Sequence[int] = (),
    ):
        super().__init__(whole("gate_num", gate_num))
        self.expert_num = whole("expert_num", expert_num)
        probability("dropout", dropout)
        self.experts = ExpertsAndGates(
            feature_size,
            expert_size,
            expert_nums=[expert_num],
            gate_widths=[[expert_num] * gate_num],
            gate_size=gate_size,
            dropout=dropout,
        )
        self.towers = Towers(gate_num, self.experts.out_size, tower_size, dropout, output_sizes)

    def logits(self, features):
        """Returns logits ``[gate_num, batch, size]`` of features or images."""
        experts, gates = self._experts_and_gates(features)
        mixed = ops.matmul(gates, experts)  # sum_i g_k(x)_i f_i(x), [batch, gate_num, size]
        return self.towers(ops.transpose(mixed, [1, 0, 2]))  # h_k

    def gate_weights(self, features):
        """Returns each task's mean weight of every expert, ``[gate_num, expert_num]``."""
        return self._experts_and_gates(features)[1].mean(axis=0)

    def _experts_and_gates(self, features):
        """Returns f_i(x) ``[batch, experts, size]`` and g_k(x) ``[batch, gates, experts]``."""
        experts, logits = self.experts([features])
        logits = ops.reshape(logits, [-1, self.task_num, self.expert_num])  # W_k x
        return experts, ops.softmax(logits)
