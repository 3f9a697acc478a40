"""Convolutional experts that read one image, computed with few and wide products."""

from __future__ import annotations

import paddle
import paddle.nn.functional as F
from paddle import nn

from models.common.checks import Sizes, layer_sizes
from models.common.layers import ops
from models.common.layers.dense import Part, StackedLinear, activate, stacked_mlp, xavier

_KERNEL = 5
_CHANNELS = (10, 20)  # of an expert's two convolutions


class ImageExperts(Part):
    """Experts like LeNet: two 5 x 5 convolutions, each with 2 x 2 pooling, and linear layers.

    The first convolutions of all experts read the same image, so they are one matrix product over
    its patches, which are cut out once. The second convolutions are one grouped convolution, and
    the linear layers one batched product.

    Args:
        image_size: height and width of an image of one channel; ``(image_size - 4) / 2 - 4`` must
            be even and positive.
        expert_num: number of experts.
        sizes: outputs of each, or of each of its linear layers.
        dropout: probability that an output is dropped while training.

    Shapes:
        ``[batch, 1, image_size, image_size]`` to ``[expert_num, batch, size]``.

    Raises:
        ValueError: the image's size cannot be pooled twice.
    """

    def __init__(self, image_size: int, expert_num: int, sizes: Sizes, dropout: float = 0.0):
        super().__init__()
        once = image_size - _KERNEL + 1
        twice = once // 2 - _KERNEL + 1
        if once % 2 or twice < 2 or twice % 2:
            raise ValueError(
                f"hyper_parameters.image_size: expected 4 n + 16 (36, as Multi-MNIST has, or 28), "
                f"found {image_size}"
            )
        self._expert_num, self._pooled = expert_num, once // 2
        first, second = _CHANNELS
        patch = _KERNEL * _KERNEL
        self.first_weight = self.create_parameter(
            [patch, expert_num * first], attr=xavier(patch, patch * first)
        )
        self.first_bias = self.create_parameter([expert_num * first], is_bias=True)
        self.second = nn.Conv2D(
            expert_num * first,
            expert_num * second,
            _KERNEL,
            groups=expert_num,
            weight_attr=xavier(patch * first, patch * second),
            bias_attr=False,
        )
        self.second_bias = self.create_parameter([expert_num * second], is_bias=True)
        self._positions, self._channels = (twice // 2) ** 2, second
        self._flat = self._positions * second
        size, *deeper = layer_sizes("expert_size", sizes, minimum=1)
        self.last = StackedLinear(expert_num, self._flat, size)
        self.deeper = stacked_mlp(expert_num, size, deeper, dropout)
        self._dropout = dropout

    def forward(self, images):
        """Returns each expert's outputs."""
        return ops.composite(self._outputs, images)  # so that a fast step may call it

    def _outputs(self, images):
        x = F.max_pool2d(self.second(self._first(images)), 2)
        # Biases are added after pooling, with which they commute, and along the last axis: Paddle
        # is several times slower along another axis.
        x = x.flatten(2).transpose([0, 2, 1])
        x = F.relu(x + self.second_bias)
        x = x.reshape([-1, self._positions, self._expert_num, self._channels])
        x = x.transpose([2, 0, 1, 3]).reshape([self._expert_num, -1, self._flat])
        return self.deeper(activate(self.last(x), self._dropout, self.training))

    def _first(self, images):
        """Returns the first convolutions, pooled, ``[batch, channels, pooled, pooled]``."""
        side, patch = self._pooled, _KERNEL * _KERNEL
        patches = F.unfold(images, _KERNEL).reshape([-1, patch, side, 2, side, 2])
        corners = patches.transpose([3, 5, 0, 2, 4, 1]).reshape([4, -1, patch])
        x = paddle.matmul(corners, self.first_weight)
        channels = x.shape[-1]
        x = _largest(x, self.training).reshape([-1, channels])
        x = F.relu(paddle.add(x, self.first_bias))
        x = x.reshape([-1, side * side, channels])
        return x.transpose([0, 2, 1]).reshape([-1, channels, side, side])


class ImageExpert(ImageExperts):
    """One expert alone, ``[batch, 1, image_size, image_size]`` to ``[batch, size]``.

    Args:
        image_size: height and width of an image of one channel, as for `ImageExperts`.
        sizes: outputs of the linear layer, or of each of several.
        dropout: probability that an output is dropped while training.
    """

    def __init__(self, image_size: int, sizes: Sizes, dropout: float = 0.0):
        super().__init__(image_size, 1, sizes, dropout)
        self._size = layer_sizes("expert_size", sizes)[-1]

    def forward(self, images):
        """Returns the expert's outputs."""
        outputs = ops.composite(self._outputs, images)  # Paddle 2.6 exports no super()
        return ops.reshape(outputs, [-1, self._size])


def _largest(x, training: bool):
    """Returns the maximum over the first axis, which has four entries."""
    if training:  # its gradient is the fastest, but ONNX has no such operator
        return F.maxout(x.reshape([1, 4, -1, 1]), groups=4)
    a, b, c, d = paddle.unbind(x)
    return paddle.maximum(paddle.maximum(a, b), paddle.maximum(c, d))
