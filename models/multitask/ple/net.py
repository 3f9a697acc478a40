"""PLE: experts of each task's own beside shared ones, in one or several levels."""

from __future__ import annotations

from paddle import nn

from models.common.checks import Sizes, probability, whole
from models.common.contract.net import MultiTaskNet
from models.common.layers import ops
from models.common.layers.experts import ExpertGroup
from models.common.layers.layers import Towers
from models.common.paddlerec import translation


class PLELayer(MultiTaskNet):
    """Progressive Layered Extraction; with one level, Customized Gate Control (CGC).

    In every level each task has experts of its own, all tasks have shared ones, and a task's
    gate mixes the task's own and the shared experts. In every level but the last a shared gate
    mixes all experts, and the next level's experts and gates read the mixtures: those of a task
    its own, the shared ones the shared gate's (Tang et al. 2020, "Progressive Layered
    Extraction (PLE): A Novel Multi-Task Learning Model for Personalized Recommendations").

    Args:
        feature_size: number of input features.
        task_num: number of tasks.
        exp_per_task: experts of each task's own, in every level.
        shared_num: experts that all tasks share, in every level; may be 0.
        expert_size: size of an expert's layer, or of each of its layers.
        tower_size: size of a tower's hidden layer, or of each of several (``[]`` for none).
        level_number: number of levels.
        gate_size: hidden layers of a gate before its softmax (``[]`` for none).
        dropout: probability that a hidden output is dropped while training.

    Raises:
        ValueError: an argument is out of range.
    """

    def __init__(
        self,
        feature_size: int = 499,
        task_num: int = 2,
        exp_per_task: int = 3,
        shared_num: int = 2,
        expert_size: Sizes = 16,
        tower_size: Sizes = 8,
        level_number: int = 1,
        gate_size: Sizes = (),
        dropout: float = 0.0,
    ):
        super().__init__(whole("task_num", task_num))
        whole("exp_per_task", exp_per_task)
        whole("shared_num", shared_num, minimum=0)
        probability("dropout", dropout)
        own = task_num * exp_per_task
        self._exp_per_task, self._shared_num = exp_per_task, shared_num
        everyone = list(range(own + shared_num))
        access = [
            everyone[task * exp_per_task : (task + 1) * exp_per_task] + everyone[own:]
            for task in range(task_num)
        ]
        levels, in_size = [], whole("feature_size", feature_size)
        for level in range(whole("level_number", level_number)):
            # Each task reads its own input; the shared experts, and the shared gate that only
            # a further level needs, read the shared one.
            shared_gates = int(shared_num > 0 and level < level_number - 1)
            expert_nums = [exp_per_task] * task_num + ([shared_num] if shared_num else [])
            gate_nums = [1] * task_num + ([shared_gates] if shared_num else [])
            if level == 0:  # all inputs are the features, so one product does for all
                expert_nums, gate_nums = [sum(expert_nums)], [sum(gate_nums)]
            group = ExpertGroup(
                in_size,
                expert_size,
                access + [everyone] * shared_gates,
                expert_nums,
                gate_nums,
                gate_size,
                dropout,
            )
            levels.append(group)
            in_size = group.out_size
        self.levels = nn.LayerList(levels)
        self.towers = Towers(task_num, in_size, tower_size, dropout)

    def logits(self, features):
        """Returns logits ``[task_num, batch, 2]`` of features ``[batch, feature_size]``."""
        mixed = self.levels[-1](self._inputs_of_last(features))
        return self.towers(ops.transpose(mixed, [1, 0, 2]))

    def gate_weights(self, features):
        """Returns each task's mean weight of every expert of the last level.

        The experts are those of each task in turn, then the shared ones; another task's have
        weight 0. ``[task_num, task_num * exp_per_task + shared_num]``
        """
        return self.levels[-1].weights(self._inputs_of_last(features)).mean(axis=0)

    def _inputs_of_last(self, features) -> list:
        """Returns what the last level reads: the features, or what each gate below yields."""
        inputs = [features]
        for level in self.levels[:-1]:
            inputs = ops.unbind(level(inputs), axis=1, count=level.gate_num)
        return inputs

    paddlerec_first = ("levels.0.inputs.0.weight",)

    def paddlerec_places(self) -> list[translation.Place]:
        """Returns where the parameters are that PaddleRec's net reads.

        It takes, of all experts in turn, number ``i * task_num + j`` for the j-th of task i.
        """
        own = self.task_num * self._exp_per_task
        read = [
            task * self.task_num + expert
            for task in range(self.task_num)
            for expert in range(self._exp_per_task)
        ]
        names = self._paddlerec_experts()
        if read[-1] >= len(names):
            raise ValueError(
                f"PaddleRec's PLE does not run with task_num = {self.task_num}, exp_per_task = "
                f"{self._exp_per_task}, shared_num = {self._shared_num}: it wants expert {read[-1]}"
            )
        return self._places([names[number] for number in read] + names[own:])

    def paddlerec_unread(self) -> list[translation.Place]:
        """Returns places for the parameters that PaddleRec's net has too, and does not read."""
        return self._places(self._paddlerec_experts())

    def _paddlerec_experts(self) -> list[str]:
        own = [(task, n) for task in range(self.task_num) for n in range(self._exp_per_task)]
        names = [f"lev_0.lev_0_exp_{task}_{n}" for task, n in own]
        return names + [f"lev_0.lev_0_exp_shared_{n}" for n in range(self._shared_num)]

    def _places(self, experts: list[str]) -> list[translation.Place]:
        group = self.levels[0]
        layers = {"tower_size": len(self.towers.hidden.layers), **group.depth()}
        translation.check_depth(level_number=len(self.levels), **layers)
        gates = [f"lev_0.lev_0_gate_{task}" for task in range(self.task_num)]
        sizes = group.out_size, self._exp_per_task + self._shared_num
        places = translation.experts_and_gates("levels.0.inputs.0", experts, gates, *sizes)
        return places + translation.towers(self.task_num)
