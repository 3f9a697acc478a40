"""PLE: task-specific experts beside shared ones, in one or several levels."""

from __future__ import annotations

from collections.abc import Sequence

from paddle import nn

from models.common.checks import FeatureSize, Sizes, layer_sizes, probability, whole
from models.common.contract.net import MultiTaskNet
from models.common.layers import ops
from models.common.layers.dense import Towers
from models.common.layers.experts import ExpertsAndGates
from models.common.layers.restricted_gates import RestrictedGates


class PLELayer(MultiTaskNet):
    r"""Progressive Layered Extraction; with one level, Customized Gate Control (CGC).

    In every level each task has experts of its own, and all tasks have shared experts. A task's
    gate mixes the task's own and the shared experts: :math:`g_k(x_k) = \sum_{i \in A_k}
    \mathrm{softmax}(W_k x_k)_i f_i`. In every level but the last a shared gate mixes all experts.
    The next level's experts and gates read these mixtures: a task's read its own mixture, the
    shared ones read the shared gate's (Tang et al. 2020, "Progressive Layered Extraction (PLE): A
    Novel Multi-Task Learning Model for Personalized Recommendations").

    Args:
        feature_size: number of input features, or the shape of an image, ``(1, height, width)``.
        task_num: number of tasks.
        exp_per_task: experts of each task's own, in every level.
        shared_num: experts that all tasks share, in every level; may be 0.
        expert_size: size of an expert's layer, or of each of its layers.
        tower_size: size of a tower's hidden layer, or of each of several (``[]`` for none).
        level_number: number of levels.
        gate_size: hidden layers of a gate before its softmax (``[]`` for none).
        dropout: probability that a hidden output is dropped while training.
        output_sizes: the number of logits of each task; 2 each if empty.

    Raises:
        ValueError: an argument is out of range.
    """

    no_images = ""

    def __init__(
        self,
        feature_size: FeatureSize,
        task_num: int = 2,
        exp_per_task: int = 3,
        shared_num: int = 2,
        expert_size: Sizes = 16,
        tower_size: Sizes = 8,
        level_number: int = 1,
        gate_size: Sizes = (),
        dropout: float = 0.0,
        output_sizes: Sequence[int] = (),
    ):
        super().__init__(whole("task_num", task_num))
        whole("exp_per_task", exp_per_task)
        whole("shared_num", shared_num, minimum=0)
        probability("dropout", dropout)
        self.exp_per_task, self.shared_num = exp_per_task, shared_num
        levels, in_size = [], feature_size
        for number in range(whole("level_number", level_number)):
            experts = (task_num, exp_per_task, shared_num)
            place = (number == 0, number == level_number - 1)
            levels.append(Level(in_size, expert_size, experts, place, gate_size, dropout))
            in_size = levels[-1].out_size
        self.levels = nn.LayerList(levels)
        self.towers = Towers(task_num, in_size, tower_size, dropout, output_sizes)

    def logits(self, features):
        """Returns logits ``[task_num, batch, size]`` of features or images."""
        mixed = self.levels[-1](self._inputs_of_last(features))
        return self.towers(ops.transpose(mixed, [1, 0, 2]))

    def gate_weights(self, features):
        """Returns each task's mean weight of every expert of the last level.

        The experts are those of each task in turn, then the shared ones; another task's experts
        have weight 0. ``[task_num, task_num * exp_per_task + shared_num]``
        """
        return self.levels[-1].experts_and_weights(self._inputs_of_last(features))[1].mean(axis=0)

    @property
    def gate_names(self) -> list[str]:
        """The names of the columns of `gate_weights`."""
        names = [task.name for task in self.tasks] or [f"task {n}" for n in range(self.task_num)]
        own = [f"{name} {number}" for name in names for number in range(self.exp_per_task)]
        return own + [f"shared {number}" for number in range(self.shared_num)]

    def _inputs_of_last(self, features) -> list:
        """Returns what the last level reads: the features, or the mixtures of the level below."""
        inputs = [features]
        for level in self.levels[:-1]:
            inputs = ops.unbind(level(inputs), axis=1, count=level.gate_num)
        return inputs


class Level(ExpertsAndGates):
    """One level: each task's experts, the shared experts, and the gates that mix them.

    Args:
        in_size: the size of every input; the shape of an image in a first level of images.
        expert_size: size of an expert's layer, or of each of its layers.
        experts: number of tasks, experts of each task, shared experts.
        place: whether this is the first level, and whether it is the last one.
        gate_size: hidden layers of a gate before its softmax.
        dropout: probability that a hidden output is dropped while training.

    Shapes:
        a list of inputs ``[batch, in_size]``, one a task and one for the shared experts (the
        features alone in the first level), to mixtures ``[batch, gates, expert size]``.

    The gates are one a task, and the shared gate of all levels but the last.
    """

    def __init__(
        self,
        in_size: FeatureSize,
        expert_size: Sizes,
        experts: tuple[int, int, int],
        place: tuple[bool, bool],
        gate_size: Sizes,
        dropout: float,
    ):
        (task_num, own, shared), (first, last) = experts, place
        every = list(range(task_num * own + shared))
        of_all = every[task_num * own :]
        access = [every[task * own : (task + 1) * own] + of_all for task in range(task_num)]
        expert_nums, widths = [own] * task_num, [[len(seen)] for seen in access]
        if shared:
            expert_nums.append(shared)
            widths.append([] if last else [len(every)])
            access += [] if last else [every]
        if first:  # all inputs are the features, so one product serves all
            expert_nums, widths = [len(every)], [[len(seen) for seen in access]]
        super().__init__(in_size, expert_size, expert_nums, widths, gate_size, dropout)
        hidden = bool(layer_sizes("gate_size", gate_size))
        self.gates = RestrictedGates(access, len(every), equal_widths=hidden)

    def forward(self, inputs):
        """Returns each gate's mixture of the experts."""
        experts, weights = self.experts_and_weights(inputs)
        return ops.matmul(weights, experts)

    def experts_and_weights(self, inputs):
        """Returns outputs ``[batch, experts, size]`` and weights ``[batch, gates, experts]``."""
        # Neither super(), which Paddle 2.6 cannot export, nor the class's forward, as 3.3 cannot.
        experts, logits = self._experts_and_logits(inputs)
        return experts, self.gates(logits)
