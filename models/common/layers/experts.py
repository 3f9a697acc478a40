"""Experts and gates, the heart of MMoE and PLE."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import paddle
from paddle import nn

from models.common.checks import Sizes, layer_sizes
from models.common.layers import ops
from models.common.layers.layers import Linear, Part, StackedLinear, activate, stacked_mlp

_NEVER = -1e9  # a gate's logit for an expert that it may not choose


class ExpertGroup(Part):
    r"""Experts, and the gates that mix them, with one product for all that read one input.

    Gate :math:`k` yields :math:`\sum_{i \in A_k} \mathrm{softmax}(g_k(x))_i f_i(x)`, where
    :math:`A_k` are the experts it may choose (Ma et al. 2018). The first
    layers of experts and gates are columns of one matrix; the logits of a gate are then put on
    the experts that it may choose, so that one batched product mixes for all gates.

    Args:
        in_size: size of every input.
        expert_size: outputs of an expert's layer, or of each of its layers.
        access: for every gate, the numbers of the experts that it may choose.
        expert_nums: experts that read each input; they are numbered input by input.
        gate_nums: gates that read each input; they are numbered input by input.
        gate_size: hidden layers of a gate before its logits; none makes a gate linear.
        dropout: probability that an expert's or a hidden gate's output is dropped in training.

    Shapes:
        a list of inputs ``[batch, in_size]`` to ``[batch, gates, expert_size]``.
    """

    def __init__(
        self,
        in_size: int,
        expert_size: Sizes,
        access: Sequence[Sequence[int]],
        expert_nums: Sequence[int],
        gate_nums: Sequence[int],
        gate_size: Sizes = (),
        dropout: float = 0.0,
    ):
        super().__init__()
        first, *deeper = layer_sizes("expert_size", expert_size, minimum=1)
        hidden = layer_sizes("gate_size", gate_size)
        self.expert_num, self.gate_num = sum(expert_nums), len(access)
        self.out_size = deeper[-1] if deeper else first
        self.dropout = dropout
        widest = self._widest = max(map(len, access))
        # Columns of logits, as (gate, expert); a hidden layer makes all gates equally wide.
        if hidden:
            width = [hidden[0]] * self.gate_num
            columns = [
                (gate, seen[place] if place < len(seen) else None)
                for gate, seen in enumerate(access)
                for place in range(widest)
            ]
        else:
            width = [len(seen) for seen in access]
            columns = [(gate, expert) for gate, seen in enumerate(access) for expert in seen]
        everything = all(list(seen) == list(range(self.expert_num)) for seen in access)
        self._placement = None if everything else self._place(columns)
        self._placed = None  # the same as tensors, once dygraph asks for them
        gate_ends = np.cumsum([0, *gate_nums])
        self._splits = [
            [experts * first, sum(width[start:end])]
            for experts, start, end in zip(expert_nums, gate_ends, gate_ends[1:])
        ]
        self._first = first
        self.inputs = nn.LayerList(
            [Linear(in_size, sum(split), fan_out=first) for split in self._splits]
        )
        self.deeper_experts = stacked_mlp(self.expert_num, first, deeper, dropout)
        self._hidden = hidden[0] if hidden else None
        if hidden:
            self.deeper_gates = stacked_mlp(self.gate_num, hidden[0], hidden[1:], dropout)
            self.gate_logits = StackedLinear(self.gate_num, hidden[-1], widest)

    def forward(self, inputs: Sequence):
        """Returns what each gate makes of the experts."""
        experts, gates = self._first_layers(inputs)
        return ops.matmul(self._mix(gates), self._experts(experts))

    def depth(self) -> dict[str, int]:
        """Returns the layers of an expert and of a gate, by hyper-parameter."""
        gate = 2 + len(self.deeper_gates.layers) if self._hidden else 1
        return {"expert_size": 1 + len(self.deeper_experts.layers), "gate_size": gate}

    def weights(self, inputs: Sequence):
        """Returns the gates' weights, ``[batch, gates, experts]``; each gate's sum to 1."""
        return self._mix(self._first_layers(inputs)[1])

    def _first_layers(self, inputs: Sequence):
        if len(self._splits) == 1:
            (layer,), (x,) = self.inputs, inputs
            return ops.split(layer(x), self._splits[0])
        experts, gates = [], []
        for layer, x, split in zip(self.inputs, inputs, self._splits):
            if not split[1]:  # the shared experts of a last level have no gate beside them
                experts.append(layer(x))
                continue
            for columns, kind in zip(ops.split(layer(x), split), (experts, gates)):
                kind.append(columns)
        return ops.concat(experts, axis=1), ops.concat(gates, axis=1)

    def _experts(self, x):
        x = activate(x, self.dropout, self.training)
        x = ops.reshape(x, [-1, self.expert_num, self._first])
        if not len(self.deeper_experts.layers):
            return x
        x = self.deeper_experts(ops.transpose(x, [1, 0, 2]))
        return ops.transpose(x, [1, 0, 2])

    def _mix(self, x):
        if self._hidden:
            x = activate(x, self.dropout, self.training)
            x = ops.reshape(x, [-1, self.gate_num, self._hidden])
            x = self.gate_logits(self.deeper_gates(ops.transpose(x, [1, 0, 2])))
            x = ops.reshape(ops.transpose(x, [1, 0, 2]), [-1, self.gate_num * self._widest])
        shape = [-1, self.gate_num, self.expert_num]
        if self._placement is None:
            return ops.softmax(ops.reshape(x, shape))
        matrix, never, allowed = self._constants()
        # Paddle's softmax gives e^-64 where the logit is far below the others: not quite 0.
        weights = ops.softmax(ops.reshape(ops.linear(x, matrix, never), shape))
        return ops.multiply(weights, allowed)

    def _place(self, columns) -> list[np.ndarray]:
        """Returns what puts logit columns, as (gate, expert), on gates times experts."""
        matrix = np.zeros((len(columns), self.gate_num * self.expert_num), np.float32)
        for column, (gate, expert) in enumerate(columns):
            if expert is not None:
                matrix[column, gate * self.expert_num + expert] = 1.0
        allowed = matrix.any(axis=0).astype(np.float32)
        return [matrix, _NEVER * (1 - allowed), allowed.reshape(self.gate_num, self.expert_num)]

    def _constants(self):
        if not paddle.in_dynamic_mode():
            return [paddle.assign(array) for array in self._placement]
        if self._placed is None:
            self._placed = [paddle.to_tensor(array) for array in self._placement]
        return self._placed
