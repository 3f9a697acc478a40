"""What a net does to its inputs before it learns from them."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np
import paddle
from paddle import nn

_HEAVY_TAIL = 2.0  # skewness from which a column of non-negative numbers is taken as log1p
_ENOUGH_ROWS = 1_000_000  # for a mean and a standard deviation


class Standardize(nn.Layer):
    """Brings the leading dense features to mean 0 and standard deviation 1.

    Heavy-tailed columns go through log1p first. Which ones, the means and the deviations are
    fitted to the training data before training starts; they are parameters that no optimizer
    touches, so they travel with the checkpoint and the exported model.

    Args:
        feature_num: number of features.
        dense_num: how many of them, the leading ones, are dense; the rest pass unchanged.

    Shapes:
        ``[batch, features]`` to the same.
    """

    def __init__(self, feature_num: int, dense_num: int):
        super().__init__()
        self._split = [dense_num, feature_num - dense_num]
        self.mean = self._fitted(dense_num, 0.0)
        self.deviation = self._fitted(dense_num, 1.0)
        self.logarithmic = self._fitted(dense_num, 0.0)

    def _fitted(self, size: int, value: float):
        attr = paddle.ParamAttr(initializer=nn.initializer.Constant(value), trainable=False)
        parameter = self.create_parameter([size], attr=attr)
        parameter.stop_gradient = True
        return parameter

    def forward(self, x):
        """Returns the features with the dense ones scaled."""
        if not self._split[1]:
            return self._scale(x)
        dense, rest = paddle.split(x, self._split, axis=1)
        return paddle.concat([self._scale(dense), rest], axis=1)

    @paddle.no_grad()
    def scaled(self, features: np.ndarray) -> np.ndarray:
        """Returns the features scaled: in place, unless they are a view of a reader's own."""
        if not features.flags.writeable or features.base is not None:
            features = features.copy()
        dense = features[:, : self._split[0]]
        dense[:] = self._scale(paddle.to_tensor(dense)).numpy()
        return features

    def _scale(self, dense):
        # A choice between the value and its log1p, column by column, without a branch.
        logs = paddle.log1p(dense.clip(min=0.0)) * self.logarithmic
        return (dense * (1.0 - self.logarithmic) + logs - self.mean) / self.deviation


def fit_standardize(blocks: Iterable[np.ndarray], dense_num: int) -> dict[str, np.ndarray]:
    """Returns the values of `Standardize`'s parameters, by name.

    Args:
        blocks: features ``[n, features]``, read up to a million rows.
        dense_num: number of leading columns that are dense.
    """
    rows, lowest = 0, np.full(dense_num, np.inf)
    sums = np.zeros((2, 3, dense_num))  # of plain values and of logs: first to third powers
    for block in blocks:
        plain = block[:, :dense_num].astype(np.float64)
        both = np.stack([plain, np.log1p(plain.clip(min=0.0))])
        sums += np.stack([(both**power).sum(axis=1) for power in (1, 2, 3)], axis=1)
        lowest = np.minimum(lowest, plain.min(axis=0))
        rows += len(block)
        if rows >= _ENOUGH_ROWS:
            break
    first, second, third = np.moveaxis(sums / rows, 1, 0)
    deviation = np.sqrt(np.maximum(second - first**2, 0.0))
    constant = deviation < 1e-6 * (1.0 + np.abs(first))  # nothing to scale, only to centre
    deviation = np.where(constant, 1.0, deviation)
    skewness = (third - 3 * first * second + 2 * first**3) / deviation**3
    heavy = (lowest >= 0) & (skewness[0] > _HEAVY_TAIL) & ~constant[0]
    chosen = np.where(heavy, 1, 0)
    columns = np.arange(dense_num)
    return {
        "mean": first[chosen, columns].astype(np.float32),
        "deviation": deviation[chosen, columns].astype(np.float32),
        "logarithmic": heavy.astype(np.float32),
    }
