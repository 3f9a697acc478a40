"""A net's inputs, and how they become features: dense numbers, sparse ids, or both."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import paddle
from paddle import nn
from paddle.static import InputSpec

from datasets.readers.sparse_fields import fields_of
from models.common.checks import FeatureSize, flag, whole
from models.common.hyper_parameters import DEFAULTS, SECTION, value
from models.common.inputs.embeddings import FieldEmbedding
from models.common.inputs.scaling import PiecewiseLinear, Standardize


class Inputs(nn.Layer):
    """A net's inputs: scaled dense features beside the embeddings of sparse fields.

    Args:
        specs: the net's inputs in order: dense features ``[batch, n]``, ids ``[batch, columns]``,
            or both.
        scale: the layer that scales the dense features, or None.
        embedding: the layer that looks up the ids, or None.

    Attributes:
        size: the number of features of a row; of images, the shape of one, ``(1, size, size)``.
    """

    def __init__(self, specs: Sequence[InputSpec], scale=None, embedding=None):
        super().__init__()
        self.specs, self.scale, self.embedding = list(specs), scale, embedding
        if self.are_images:
            self.size: FeatureSize = tuple(self.specs[0].shape[1:])
            return
        dense = self.specs[0].shape[1] if self.has_dense else 0
        dense = scale.out_size if scale else dense
        self.size = dense + (embedding.out_size if embedding else 0)

    @property
    def are_images(self) -> bool:
        """Whether the input is images ``[batch, 1, size, size]``."""
        return len(self.specs[0].shape) > 2

    @property
    def has_dense(self) -> bool:
        """Whether the first input is dense features."""
        return self.embedding is None or len(self.specs) == 2

    @property
    def trained(self) -> bool:
        """Whether parameters between inputs and features are trained."""
        return any(not parameter.stop_gradient for parameter in self.parameters())

    def forward(self, *inputs):
        """Returns features ``[batch, size]``, or images, of inputs as a reader yields them.

        Ids that are out of range count as unknown, because a deployed model meets new ids.
        """
        inputs = list(inputs)
        if self.scale is not None:
            inputs[0] = self.scale(inputs[0])
        if self.embedding is not None:
            inputs[-1] = self.embedding.known(inputs[-1])
        return self.joined(inputs)

    def check(self, columns: Sequence[np.ndarray]) -> None:
        """Checks that rows have the shapes of the inputs.

        Args:
            columns: a reader's arrays ``[n, ...]`` for the inputs.

        Raises:
            ValueError: an array has another shape, such as that of images.
        """
        for spec, column in zip(self.specs, columns):
            found, expected = [*column.shape[1:]], [*spec.shape[1:]]
            if found != expected:
                raise ValueError(
                    f"{SECTION}: expected rows of {expected} for the input {spec.name}, found "
                    f"{found} from the reader: set image_size for images, feature_size for others"
                )

    def scaled(self, columns: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Returns the inputs of many rows with the dense ones scaled, for `joined`."""
        if self.scale is None:
            return list(columns)
        return [self.scale.scaled(columns[0]), *columns[1:]]

    def joined(self, inputs: Sequence):
        """Returns features of inputs that are scaled already and whose ids are in range."""
        if self.embedding is None:
            return inputs[0]
        embedded = self.embedding(inputs[-1])
        return paddle.concat([inputs[0], embedded], axis=1) if self.has_dense else embedded


def input_specs(config) -> list[InputSpec]:
    """Returns the inputs of a configuration's net: names, dtypes, shapes.

    Raises:
        ValueError: a hyper-parameter is out of range, or contradicts another.
    """
    fields = fields_of(config)
    image = whole("image_size", value(config, "image_size"), minimum=0)
    if image:
        for key in (
            "feature_size",
            "dense_input_dim",
            "standardize",
            "sparse_fields",
            "dense_bins",
        ):
            if config.get(f"{SECTION}.{key}"):
                raise ValueError(
                    f"{SECTION}.image_size: the inputs are images, so {key} must not be set"
                )
        return [InputSpec([None, 1, image, image], "float32", "image")]
    if not fields:
        size = whole("feature_size", value(config, "feature_size"))
        return [InputSpec([None, size], "float32", "input")]
    dense = dense_input_dim(config, fields)
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
    embedding = None
    if fields:
        size = whole("embedding_size", value(config, "embedding_size"))
        sparse = flag("sparse_gradients", value(config, "sparse_gradients"))
        embedding = FieldEmbedding(fields, size, sparse)
    scale = _scale(config, specs[0].shape[1], dense_input_dim(config, fields))
    return Inputs(specs, scale, embedding)


def dense_input_dim(config, fields: Sequence) -> int:
    """Returns how many of a configuration's features are dense numbers."""
    default = 0 if fields else DEFAULTS["dense_input_dim"]
    given = config.get(f"{SECTION}.dense_input_dim", default)
    return whole("dense_input_dim", given, minimum=0)


def _scale(config, width: int, dense: int) -> Standardize | PiecewiseLinear | None:
    """Returns the layer that scales the leading ``dense`` of ``width`` features, or None."""
    bins = whole("dense_bins", value(config, "dense_bins"), minimum=0)
    wanted = flag("standardize", value(config, "standardize"))
    if bins and not dense:
        raise ValueError(f"{SECTION}.dense_bins: there are no dense features (dense_input_dim = 0)")
    if not dense or not (bins or wanted):
        return None
    if dense > width:
        raise ValueError(f"{SECTION}.dense_input_dim: {dense} is more than feature_size, {width}")
    return PiecewiseLinear(width, dense, bins) if bins else Standardize(width, dense)
