"""Linear layers, perceptrons and towers, stacked so that one operator serves several of them.

At the batch sizes of these models an operator's dispatch costs more than its arithmetic, so small
matrices of all experts, all gates or all towers are stacked.
"""

from __future__ import annotations

from collections.abc import Sequence

import paddle
from paddle import nn

from models.common.checks import Sizes, layer_sizes
from models.common.layers import ops


def xavier(fan_in: int, fan_out: int) -> paddle.ParamAttr:
    """Returns Glorot's uniform initialiser for one matrix of a stack.

    Paddle would compute the fans from the stacked shape, which is larger than one layer's.
    """
    return paddle.ParamAttr(initializer=nn.initializer.XavierUniform(fan_in, fan_out))


class Part(nn.Layer):
    """A layer inside a net that is faster to call than Paddle's layers.

    In every call Paddle looks for hooks, and searches parameters and sub-layers in Python. That
    took a sixth of a training step of a small net with six nested layers. Hooks on the whole net
    still work.
    """

    def __setattr__(self, name, value):
        super().__setattr__(name, value)
        self.__dict__[name] = value  # Python looks here first

    def __call__(self, *inputs):
        """Returns ``forward(*inputs)``."""
        return self.forward(*inputs)


class Linear(Part, nn.Linear):
    """A linear layer, Glorot-initialised for columns that are layers of ``fan_out`` outputs."""

    def __init__(self, in_size: int, out_size: int, fan_out: int | None = None):
        super().__init__(in_size, out_size, xavier(in_size, fan_out or out_size))

    def forward(self, x):
        """Maps ``[batch, in_size]`` to ``[batch, out_size]``."""
        return ops.linear(x, self.weight, self.bias)


class StackedLinear(Part):
    """``num`` linear layers side by side, as one batched product.

    Args:
        num: number of layers.
        in_size: inputs of each.
        out_size: outputs of each.

    Shapes:
        ``[num, batch, in_size]``, or ``[batch, in_size]`` for an input that all layers share,
        to ``[num, batch, out_size]``.
    """

    def __init__(self, num: int, in_size: int, out_size: int):
        super().__init__()
        shape = [num, in_size, out_size]
        self.weight = self.create_parameter(shape, attr=xavier(in_size, out_size))
        self.bias = self.create_parameter([num, 1, out_size], is_bias=True)

    def forward(self, x):
        """Applies each layer to its own input, or to the shared one."""
        return ops.stacked_linear(x, self.weight, self.bias)


class MLP(Part):
    """A sequence of layers, each followed by ReLU and dropout.

    Args:
        layers: `Linear` or `StackedLinear` layers; without layers this is the identity.
        dropout: probability that an output is dropped while training.
    """

    def __init__(self, layers: Sequence[nn.Layer], dropout: float = 0.0):
        super().__init__()
        self.layers = nn.LayerList(layers)
        self.dropout = dropout

    def forward(self, x):
        """Applies the layers one after another."""
        for layer in self.layers:
            x = activate(layer(x), self.dropout, self.training)
        return x


def mlp(in_size: int, sizes: Sequence[int], dropout: float = 0.0) -> MLP:
    """Returns a multi-layer perceptron of layers of the given sizes."""
    return MLP([Linear(*shape) for shape in zip([in_size, *sizes], sizes)], dropout)


def stacked_mlp(num: int, in_size: int, sizes: Sequence[int], dropout: float = 0.0) -> MLP:
    """Returns ``num`` multi-layer perceptrons side by side; shapes are `StackedLinear`'s."""
    return MLP([StackedLinear(num, *shape) for shape in zip([in_size, *sizes], sizes)], dropout)


def activate(x, dropout: float, training: bool):
    """Applies ReLU, then dropout if there is any."""
    x = ops.relu(x)
    return ops.dropout(x, dropout) if dropout and training else x


class Towers(Part):
    """One tower per task: hidden layers, then the logits of the task.

    Args:
        task_num: number of tasks.
        in_size: inputs of a tower.
        tower_size: size of the hidden layer, or of each of several.
        dropout: probability that a hidden output is dropped while training.
        output_sizes: the number of logits of each task; 2 each if empty.

    Shapes:
        ``[task_num, batch, in_size]``, or ``[batch, in_size]`` shared by all towers, to logits
        ``[task_num, batch, size]``. If tasks have different sizes: a list of ``[batch, size]``.
    """

    def __init__(
        self,
        task_num: int,
        in_size: int,
        tower_size: Sizes,
        dropout: float = 0.0,
        output_sizes: Sequence[int] = (),
    ):
        super().__init__()
        sizes = layer_sizes("tower_size", tower_size)
        self.hidden = stacked_mlp(task_num, in_size, sizes, dropout)
        in_size = sizes[-1] if sizes else in_size
        output_sizes = tuple(output_sizes) or (2,) * task_num
        self._places = {
            size: [task for task, each in enumerate(output_sizes) if each == size]
            for size in dict.fromkeys(output_sizes)
        }
        self._task_num = task_num
        if len(self._places) == 1:
            self.output = StackedLinear(task_num, in_size, output_sizes[0])
        else:  # tasks of one size share a product
            outputs = [StackedLinear(len(p), in_size, size) for size, p in self._places.items()]
            self.outputs = nn.LayerList(outputs)

    def forward(self, x):
        """Returns the logits."""
        x = self.hidden(x)
        if len(self._places) == 1:
            return self.output(x)
        is_shared = ops.rank(x) == 2
        parts = None if is_shared else ops.unbind(x, axis=0, count=self._task_num)
        logits = [None] * self._task_num
        for places, layer in zip(self._places.values(), self.outputs):
            own = x if is_shared else ops.stack([parts[place] for place in places])
            of_group = ops.unbind(layer(own), axis=0, count=len(places))
            for place, each in zip(places, of_group):
                logits[place] = each
        return logits
