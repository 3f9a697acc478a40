"""Experts of features or of images, and the gates that read the same inputs."""

from __future__ import annotations

from collections.abc import Sequence

from paddle import nn

from models.common.checks import FeatureSize, Sizes, flat_size, layer_sizes
from models.common.layers import ops
from models.common.layers.dense import Linear, Part, StackedLinear, activate, stacked_mlp
from models.common.layers.image_experts import ImageExperts


def stacked_experts(
    feature_size: FeatureSize, num: int, sizes: Sequence[int], dropout: float = 0.0
) -> Part:
    """Returns ``num`` experts side by side, of features or of images.

    Args:
        feature_size: number of features of a row, or the shape of an image.
        num: number of experts.
        sizes: outputs of each of an expert's layers; of images, of those after the convolutions.
        dropout: probability that an output is dropped while training.

    Shapes:
        ``[batch, feature_size]`` or ``[batch, 1, height, width]`` to ``[num, batch, size]``.
    """
    if isinstance(feature_size, tuple):
        return ImageExperts(feature_size[-1], num, sizes, dropout)
    return stacked_mlp(num, flat_size(feature_size), sizes, dropout)


class ExpertsAndGates(Part):
    r"""Experts :math:`f_i(x)` and the logits :math:`W_k x` of gates.

    The first layers of all experts and gates that read one input are columns of one matrix. For
    images, experts are convolutional (`ImageExperts`) and gates read the pixels. A net mixes the
    experts itself: :math:`\sum_i \mathrm{softmax}(W_k x)_i f_i(x)`.

    Args:
        in_size: the size of every input; or the shape of an image, the only input.
        expert_size: the outputs of an expert's layer, or of each of its layers.
        expert_nums: the experts that read each input; experts are numbered input by input.
        gate_widths: for every input, the number of logits of each gate that reads it.
        gate_size: hidden layers of a gate before its logits; ``[]`` makes a gate linear. With
            hidden layers all gates have as many logits as the widest one.
        dropout: probability that an expert's or a hidden gate's output is dropped in training.

    Shapes:
        a list of inputs ``[batch, in_size]``, or ``[batch, 1, height, width]``, to the experts'
        outputs ``[batch, experts, size]`` and the gates' logits, one gate after another, ``[batch,
        sum of widths]``.

    Attributes:
        expert_num: the number of experts.
        gate_num: the number of gates.
        out_size: the outputs of an expert.
    """

    def __init__(
        self,
        in_size: FeatureSize,
        expert_size: Sizes,
        expert_nums: Sequence[int],
        gate_widths: Sequence[Sequence[int]],
        gate_size: Sizes = (),
        dropout: float = 0.0,
    ):
        super().__init__()
        first, *deeper = layer_sizes("expert_size", expert_size, minimum=1)
        hidden = layer_sizes("gate_size", gate_size)
        self.expert_num = sum(expert_nums)
        self.out_size = deeper[-1] if deeper else first
        self.dropout = dropout
        self._first, self._hidden = first, hidden[0] if hidden else None
        self.gate_num = sum(map(len, gate_widths))
        self._widest = max(width for widths in gate_widths for width in widths)
        columns = [[hidden[0]] * len(widths) if hidden else widths for widths in gate_widths]
        self._flat_size, self._of_images = flat_size(in_size), isinstance(in_size, tuple)
        if self._of_images:
            sizes = [first, *deeper]
            self.image_experts = stacked_experts(in_size, self.expert_num, sizes, dropout)
            self._splits = [[0, sum(widths)] for widths in columns]
        else:
            self.deeper_experts = stacked_mlp(self.expert_num, first, deeper, dropout)
            self._splits = [
                [experts * first, sum(widths)] for experts, widths in zip(expert_nums, columns)
            ]
        self.inputs = nn.LayerList(
            [Linear(self._flat_size, sum(split), fan_out=first) for split in self._splits]
        )
        if hidden:
            self.deeper_gates = stacked_mlp(self.gate_num, hidden[0], hidden[1:], dropout)
            self.gate_logits = StackedLinear(self.gate_num, hidden[-1], self._widest)

    def forward(self, inputs: Sequence):
        """Returns the experts' outputs and the gates' logits."""
        return self._experts_and_logits(inputs)

    def _experts_and_logits(self, inputs: Sequence):
        if self._of_images:
            (layer,), (x,) = self.inputs, inputs
            logits = self._gate_logits(layer(ops.reshape(x, [-1, self._flat_size])))
            return ops.transpose(self.image_experts(x), [1, 0, 2]), logits
        experts, gates = self._first_layers(inputs)
        logits = self._gate_logits(gates)
        return self._expert_outputs(experts), logits

    def depth(self) -> dict[str, int]:
        """Returns the layers of an expert and of a gate, by hyper-parameter."""
        gate = 2 + len(self.deeper_gates.layers) if self._hidden else 1
        return {"expert_size": 1 + len(self.deeper_experts.layers), "gate_size": gate}

    def _first_layers(self, inputs: Sequence):
        if len(self._splits) == 1:
            (layer,), (x,) = self.inputs, inputs
            return ops.split(layer(x), self._splits[0])
        experts, gates = [], []
        for layer, x, split in zip(self.inputs, inputs, self._splits):
            if not split[1]:  # no gate reads this input
                experts.append(layer(x))
                continue
            for columns, kind in zip(ops.split(layer(x), split), (experts, gates)):
                kind.append(columns)
        return ops.concat(experts, axis=1), ops.concat(gates, axis=1)

    def _expert_outputs(self, x):
        x = activate(x, self.dropout, self.training)
        x = ops.reshape(x, [-1, self.expert_num, self._first])
        if not len(self.deeper_experts.layers):
            return x
        x = self.deeper_experts(ops.transpose(x, [1, 0, 2]))
        return ops.transpose(x, [1, 0, 2])

    def _gate_logits(self, x):
        if not self._hidden:
            return x
        x = activate(x, self.dropout, self.training)
        x = ops.reshape(x, [-1, self.gate_num, self._hidden])
        x = self.gate_logits(self.deeper_gates(ops.transpose(x, [1, 0, 2])))
        return ops.reshape(ops.transpose(x, [1, 0, 2]), [-1, self.gate_num * self._widest])
