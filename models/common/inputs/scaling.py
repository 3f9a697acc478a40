"""Scaling of dense features, with statistics of the training data."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import numpy as np
import paddle
from paddle import nn

_HEAVY_TAIL = 2.0  # a column of non-negative numbers with this skewness goes through log1p
_ENOUGH_ROWS = 1_000_000  # rows for means, deviations and quantiles
_BEYOND = 3e38  # the lower edge of surplus bins, which no value reaches


class _Scaling(nn.Layer):
    """Transforms the leading dense features; the other features pass unchanged.

    Args:
        feature_num: number of features.
        dense_num: how many of them, the leading ones, are dense.
        width: number of features that each of them becomes.
    """

    def __init__(self, feature_num: int, dense_num: int, width: int = 1):
        super().__init__()
        self._split = [dense_num, feature_num - dense_num]
        self.out_size = dense_num * width + feature_num - dense_num

    def forward(self, x):
        """Returns the features with the dense ones scaled."""
        if not self._split[1]:
            return self._scale(x)
        dense, rest = paddle.split(x, self._split, axis=1)
        return paddle.concat([self._scale(dense), rest], axis=1)

    def _scale(self, dense):
        raise NotImplementedError

    def _fitted(self, shape: list[int], value: float):
        """Creates a parameter that is fitted to the data and not trained."""
        attr = paddle.ParamAttr(initializer=nn.initializer.Constant(value), trainable=False)
        parameter = self.create_parameter(shape, attr=attr)
        parameter.stop_gradient = True
        return parameter


class Standardize(_Scaling):
    """Brings the leading dense features to mean 0 and standard deviation 1.

    Heavy-tailed columns go through log1p first. The choice of these columns, the means and the
    deviations are computed from the training data before training starts. They are parameters
    that no optimizer changes, so checkpoints and exported models contain them.

    Args:
        feature_num: number of features.
        dense_num: how many of them, the leading ones, are dense; the rest pass unchanged.

    Shapes:
        ``[batch, features]`` to the same.
    """

    def __init__(self, feature_num: int, dense_num: int):
        super().__init__(feature_num, dense_num)
        self.mean = self._fitted([dense_num], 0.0)
        self.deviation = self._fitted([dense_num], 1.0)
        self.logarithmic = self._fitted([dense_num], 0.0)

    @paddle.no_grad()
    def scaled(self, features: np.ndarray) -> np.ndarray:
        """Returns the features scaled; in place, unless they are a view of a reader's array."""
        if not features.flags.writeable or features.base is not None:
            features = features.copy()
        dense = features[:, : self._split[0]]
        dense[:] = self._scale(paddle.to_tensor(dense)).numpy()
        return features

    def _scale(self, dense):
        # Selects the value or its log1p, column by column, without a branch.
        logs = paddle.log1p(dense.clip(min=0.0)) * self.logarithmic
        return (dense * (1.0 - self.logarithmic) + logs - self.mean) / self.deviation

    def fit(self, blocks: Iterable[np.ndarray]) -> dict[str, np.ndarray]:
        """Returns the parameters' values by name, from up to a million rows.

        Args:
            blocks: features ``[n, features]``.
        """
        return _statistics(blocks, self._split[0])


class PiecewiseLinear(_Scaling):
    r"""Encodes each leading dense feature by its position in each of its bins.

    Gorishniy et al. 2022, "On Embeddings for Numerical Features in Tabular Deep Learning",
    https://arxiv.org/abs/2203.05556, section 3.2.1: bin t from :math:`b_{t-1}` to :math:`b_t`
    gives :math:`(x - b_{t-1}) / (b_t - b_{t-1})`, clipped to 0 and 1. A linear layer on it is a
    piecewise linear function of x, so no other scaling is needed. The bins' edges are quantiles
    of the training data. A value that more than half of the rows have, such as no capital gain,
    is an edge of its own, and the quantiles are those of the other rows. Edges are parameters
    that no optimizer changes, like those of `Standardize`.

    Args:
        feature_num: number of features.
        dense_num: how many of them, the leading ones, are dense; the rest pass unchanged.
        bins: bins of a feature. With fewer distinct values some bins stay 0.

    Attributes:
        out_size: number of output features.

    Shapes:
        ``[batch, features]`` to ``[batch, dense_num * bins + features - dense_num]``.
    """

    def __init__(self, feature_num: int, dense_num: int, bins: int):
        super().__init__(feature_num, dense_num, bins)
        self._bins = bins
        self.low = self._fitted([dense_num, bins], 0.0)
        self.width = self._fitted([dense_num, bins], 1.0)

    @paddle.no_grad()
    def scaled(self, features: np.ndarray) -> np.ndarray:
        """Returns the features with the dense ones encoded."""
        encoded = self._scale(paddle.to_tensor(features[:, : self._split[0]])).numpy()
        return np.concatenate([encoded, features[:, self._split[0] :]], axis=1)

    def _scale(self, dense):
        parts = ((dense.unsqueeze(-1) - self.low) / self.width).clip(0.0, 1.0)
        return parts.reshape([-1, self._split[0] * self._bins])

    def fit(self, blocks: Iterable[np.ndarray]) -> dict[str, np.ndarray]:
        """Returns the parameters' values by name, from up to a million rows.

        Args:
            blocks: features ``[n, features]``.
        """
        low = np.full([self._split[0], self._bins], _BEYOND, np.float32)
        width = np.ones_like(low)
        dense = np.concatenate([block[:, : self._split[0]] for block in _enough(blocks)])
        for column, values in enumerate(dense.T):
            edges = _edges(values, self._bins)
            low[column, : len(edges) - 1] = edges[:-1]
            width[column, : len(edges) - 1] = np.diff(edges)
        return {"low": low, "width": width}


def _enough(blocks: Iterable[np.ndarray]) -> Iterator[np.ndarray]:
    """Yields blocks until they hold a million rows."""
    rows = 0
    for block in blocks:
        yield block
        rows += len(block)
        if rows >= _ENOUGH_ROWS:
            return


def _edges(values: np.ndarray, bins: int) -> np.ndarray:
    """Returns the edges of at most ``bins`` bins, ascending; values of the data."""
    distinct, counts = np.unique(values, return_counts=True)
    common = distinct[counts > len(values) / 2]
    rest = values[values != common[0]] if len(common) else values
    if not len(rest):
        return common
    places = np.linspace(0.0, 1.0, bins + 1 - len(common))
    return np.unique(np.concatenate([np.quantile(rest, places, method="nearest"), common]))


def _statistics(blocks: Iterable[np.ndarray], dense_num: int) -> dict[str, np.ndarray]:
    """Returns the values of `Standardize`'s parameters, by name."""
    rows, lowest = 0, np.full(dense_num, np.inf)
    sums = np.zeros((2, 3, dense_num))  # of plain values and of logs: first to third powers
    for block in _enough(blocks):
        plain = block[:, :dense_num].astype(np.float64)
        both = np.stack([plain, np.log1p(plain.clip(min=0.0))])
        sums += np.stack([(both**power).sum(axis=1) for power in (1, 2, 3)], axis=1)
        lowest = np.minimum(lowest, plain.min(axis=0))
        rows += len(block)
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
