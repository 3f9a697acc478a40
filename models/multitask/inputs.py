"""What a net takes, and how that becomes features: dense numbers, sparse ids, or both."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

import numpy as np
import paddle
from paddle import nn
from paddle.static import InputSpec

from models.multitask.checks import flag, whole
from models.multitask.embeddings import FieldEmbedding
from models.multitask.fields import fields_of

_HYPER = "hyper_parameters"
_HEAVY_TAIL = 2.0  # skewness from which a column of non-negative numbers is taken as log1p
_ENOUGH_ROWS = 1_000_000  # for a mean and a standard deviation


class Inputs(nn.Layer):
    """A net's inputs: dense features, scaled, beside the embeddings of sparse fields.

    Args:
        specs: what the net takes, in order: dense features ``[batch, n]``, ids
            ``[batch, columns]``, or both.
        scale: what brings the dense features to one scale, or None.
        embedding: what looks up the ids, or None.

    Attributes:
        size: number of features.
    """

    def __init__(self, specs: Sequence[InputSpec], scale=None, embedding=None):
        super().__init__()
        self.specs, self.scale, self.embedding = list(specs), scale, embedding
        dense = self.specs[0].shape[1] if self.has_dense else 0
        self.size = dense + (embedding.out_size if embedding else 0)

    @property
    def has_dense(self) -> bool:
        """Whether the first input is dense features."""
        return self.embedding is None or len(self.specs) == 2

    def forward(self, *inputs):
        """Returns features ``[batch, size]`` of inputs as a reader yields them.

        Ids that are out of range count as unknown: a deployed model meets new ones.
        """
        inputs = list(inputs)
        if self.scale is not None:
            inputs[0] = self.scale(inputs[0])
        if self.embedding is not None:
            inputs[-1] = self.embedding.known(inputs[-1])
        return self.joined(inputs)

    def scaled(self, columns: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Returns many rows' inputs with the dense ones scaled, for `joined`."""
        if self.scale is None:
            return list(columns)
        return [self.scale.scaled(columns[0]), *columns[1:]]

    def joined(self, inputs: Sequence):
        """Returns features of inputs that are scaled, and whose ids are in range."""
        if self.embedding is None:
            return inputs[0]
        embedded = self.embedding(inputs[-1])
        return paddle.concat([inputs[0], embedded], axis=1) if self.has_dense else embedded


def input_specs(config) -> list[InputSpec]:
    """Returns what the net of a configuration takes: names, dtypes, shapes."""
    fields = fields_of(config)
    image = config.get(f"{_HYPER}.image_size", 0)
    if image:
        return [InputSpec([None, 1, image, image], "float32", "image")]
    if not fields:
        size = whole("feature_size", config.get(f"{_HYPER}.feature_size", 499))
        return [InputSpec([None, size], "float32", "input")]
    dense = whole("dense_input_dim", config.get(f"{_HYPER}.dense_input_dim", 0), minimum=0)
    ids = InputSpec([None, sum(field.max_len for field in fields)], "int64", "sparse")
    return [InputSpec([None, dense], "float32", "dense"), ids] if dense else [ids]


def inputs_of(config) -> Inputs:
    """Returns the inputs of a configuration.

    Raises:
        ValueError: a hyper-parameter is out of range, or contradicts another.
    """
    specs, fields = input_specs(config), fields_of(config)
    if len(specs[0].shape) > 2:  # images
        return Inputs(specs)
    embedding = scale = None
    if fields:
        size = whole("embedding_size", config.get(f"{_HYPER}.embedding_size", 16))
        sparse = flag("sparse_gradients", config.get(f"{_HYPER}.sparse_gradients", True))
        embedding = FieldEmbedding(fields, size, sparse)
    if flag("standardize", config.get(f"{_HYPER}.standardize", True)):
        width = specs[0].shape[1]
        dense = config.get(f"{_HYPER}.dense_input_dim", 0 if fields else 11)
        whole("dense_input_dim", dense, minimum=0)
        if not fields and dense > width:
            raise ValueError(
                f"{_HYPER}.dense_input_dim: {dense} is more than feature_size, {width}"
            )
        scale = Standardize(width, dense) if dense else None
    return Inputs(specs, scale, embedding)


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
