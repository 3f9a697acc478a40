"""Arrays that never change, as tensors of dygraph and as parts of a static program."""

from __future__ import annotations

import numpy as np
import paddle


class Constants:
    """Arrays that a layer computes with and that are no parameters.

    Args:
        arrays: the arrays.
    """

    def __init__(self, *arrays: np.ndarray):
        self._arrays = arrays
        self._tensors: list[paddle.Tensor] = []

    def __call__(self) -> list:
        """Returns the tensors; in dygraph the same ones in each call."""
        if not paddle.in_dynamic_mode():
            return [paddle.assign(array) for array in self._arrays]
        if not self._tensors:
            self._tensors += [paddle.to_tensor(array) for array in self._arrays]
        return self._tensors
