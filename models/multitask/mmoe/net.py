"""MMoE: experts that all tasks share, mixed by a gate of each task's own."""

from __future__ import annotations

from models.common.checks import Sizes, probability, whole
from models.common.contract.net import MultiTaskNet
from models.common.layers import ops
from models.common.layers.experts import ExpertGroup
from models.common.layers.layers import Towers
from models.common.paddlerec import translation


class MMoELayer(MultiTaskNet):
    r"""Multi-gate Mixture-of-Experts.

    :math:`y_k = h_k(\sum_i g_k(x)_i f_i(x))`, :math:`g_k(x) = \mathrm{softmax}(W_k x)`
    (Ma et al. 2018, "Modeling Task Relationships in Multi-task Learning with Multi-gate
    Mixture-of-Experts").

    Args:
        feature_size: number of input features.
        expert_num: number of experts.
        expert_size: size of an expert's layer, or of each of its layers.
        tower_size: size of a tower's hidden layer, or of each of several (``[]`` for none).
        gate_num: number of gates, one a task.
        gate_size: hidden layers of a gate before its softmax (``[]`` for none).
        dropout: probability that a hidden output is dropped while training.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        feature_size: int = 499,
        expert_num: int = 8,
        expert_size: Sizes = 16,
        tower_size: Sizes = 8,
        gate_num: int = 2,
        gate_size: Sizes = (),
        dropout: float = 0.0,
    ):
        super().__init__(whole("gate_num", gate_num))
        whole("feature_size", feature_size)
        experts = range(whole("expert_num", expert_num))
        probability("dropout", dropout)
        self.experts = ExpertGroup(
            feature_size,
            expert_size,
            access=[experts] * gate_num,
            expert_nums=[expert_num],
            gate_nums=[gate_num],
            gate_size=gate_size,
            dropout=dropout,
        )
        self.towers = Towers(gate_num, self.experts.out_size, tower_size, dropout)

    def logits(self, features):
        """Returns logits ``[gate_num, batch, 2]`` of features ``[batch, feature_size]``."""
        return self.towers(ops.transpose(self.experts([features]), [1, 0, 2]))

    def gate_weights(self, features):
        """Returns each task's mean weight of every expert, ``[gate_num, expert_num]``."""
        return self.experts.weights([features]).mean(axis=0)

    paddlerec_first = ("experts.inputs.0.weight",)

    def paddlerec_places(self) -> list[translation.Place]:
        """Returns where the parameters of PaddleRec's net are."""
        group = self.experts
        translation.check_depth(tower_size=len(self.towers.hidden.layers), **group.depth())
        experts = [f"expert_{number}" for number in range(group.expert_num)]
        gates = [f"gate_{number}" for number in range(self.task_num)]
        sizes = group.out_size, group.expert_num
        places = translation.experts_and_gates("experts.inputs.0", experts, gates, *sizes)
        return places + translation.towers(self.task_num)
