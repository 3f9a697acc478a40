"""The random masks of dropout."""

from __future__ import annotations

import numpy as np
import paddle
import paddle.nn.functional as F
from paddle.utils.dlpack import from_dlpack

_STEPS = 1 << 16  # a probability is a multiple of 1 / _STEPS, so four numbers share 64 random bits
_SEEDS = (1 << 31) - 1


def mask_of(x: paddle.Tensor, probability: float) -> paddle.Tensor:
    """Returns a mask of the shape of ``x``: 0 with a probability, else what keeps the mean 1.

    On the CPU Paddle's dropout draws a 64-bit number for each element, which takes longer than the
    matrix product before it. Here Paddle draws only the seed of a faster generator, so the masks
    follow from Paddle's random state.

    Args:
        x: a float tensor.
        probability: of a 0, from 0 to 1, rounded to a multiple of 1 / 65536.
    """
    dropped = min(round(probability * _STEPS), _STEPS - 1)
    if not x.place.is_cpu_place():
        return F.dropout(paddle.ones_like(x), probability)
    shape = x.shape
    size = int(np.prod(shape))
    seed = paddle.randint(0, _SEEDS, [1], "int64").item()
    bits = np.random.SFC64(seed).random_raw(-(-size // 4)).view(np.uint16)[:size]
    factor = np.float32(_STEPS / (_STEPS - dropped))
    mask = np.multiply(bits >= dropped, factor, dtype=np.float32).reshape(shape)
    return from_dlpack(mask.__dlpack__())
