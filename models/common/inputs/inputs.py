"""A net's inputs, and how they become features: dense numbers, sparse ids, or both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import paddle
from paddle import nn
from paddle.static import InputSpec

from models.common.checks import FeatureSize
from models.common.hyper_parameters import SECTION
from models.common.inputs.embeddings import FieldEmbedding
from models.common.inputs.features import Features
from models.common.layers import ops
from models.common.layers.dense import Part
from models.common.layout import OTHERS, Layout

_ARRAYS = ("dense", "rows", "own_rows", "mask", "domain")  # what `scaled` may return, in order


class Inputs(nn.Layer):
    """A net's inputs: scaled dense features beside the embeddings of sparse fields.

    Args:
        specs: the net's inputs in order: dense features ``[batch, n]``, ids ``[batch, columns]``,
            weights of ids ``[batch, columns]``; those that there are.
        layout: the parts of the features; None for images.
        scale: the layer that scales the dense features, or None.
        embedding: the layer that looks up the ids, or None.
        dense: the layers that the scaled dense features go through.
        bottom: the layer that the features go through, or None.
        needs: what the net reads beside the features: a subset of `features.NEEDS`.
        domain: the column of the domain's ids, or None.

    Attributes:
        size: the number of features of a row; of images, the shape of one, ``(1, size, size)``.
        ids_place: the place of the ids among the inputs; None without ids.
    """

    def __init__(
        self,
        specs: Sequence[InputSpec],
        layout: Layout | None = None,
        scale=None,
        embedding: FieldEmbedding | None = None,
        dense: Sequence[Part] = (),
        bottom: Part | None = None,
        needs: Sequence[str] = (),
        domain: int | None = None,
    ):
        super().__init__()
        self.specs, self.layout, self.scale, self.embedding = list(specs), layout, scale, embedding
        self.dense_layers, self.bottom = nn.LayerList(dense), bottom
        self._needs, self._domain = tuple(needs), domain
        if self.are_images:
            self.size: FeatureSize = tuple(self.specs[0].shape[1:])
        else:
            self.size = bottom.out_size if bottom else layout.size
        names = [spec.name for spec in self.specs]
        self.ids_place = names.index("sparse") if embedding is not None else None

    @property
    def are_images(self) -> bool:
        """Whether the input is images ``[batch, 1, size, size]``."""
        return len(self.specs[0].shape) > 2

    @property
    def has_dense(self) -> bool:
        """Whether the first input is dense features."""
        return self.ids_place != 0

    def forward(self, *inputs):
        """Returns features ``[batch, size]``, or images, of inputs as a reader yields them.

        Ids that are out of range count as unknown, because a deployed model meets new ids.
        """
        located = {}
        if self.has_dense:
            located["dense"] = inputs[0] if self.scale is None else self.scale(inputs[0])
        if self.embedding is not None:
            ids = self.embedding.known(inputs[self.ids_place])
            located.update(self._located(ids, *inputs[self.ids_place + 1 :]))
        return self._features(located)

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

    @paddle.no_grad()
    def scaled(self, columns: Sequence[np.ndarray]) -> list[np.ndarray]:
        """Returns what `joined` takes of the inputs of many rows.

        This work does not depend on trained parameters: dense features are scaled, ids become rows
        of the table.

        Raises:
            ValueError: an id is out of range.
        """
        located = {}
        if self.has_dense:
            located["dense"] = columns[0] if self.scale is None else self.scale.scaled(columns[0])
        if self.embedding is not None:
            ids = columns[self.ids_place]
            self.embedding.check(ids)
            others = columns[self.ids_place :]
            tensors = self._located(*(paddle.to_tensor(np.ascontiguousarray(e)) for e in others))
            located.update({name: tensor.numpy() for name, tensor in tensors.items()})
        return [located[name] for name in _ARRAYS if name in located]

    def joined(self, arrays: Sequence):
        """Returns the features of the arrays of `scaled`, as tensors or as symbols."""
        return self._features(dict(zip(self.ready, arrays)))

    @property
    def ready(self) -> list[str]:
        """The names of the arrays that `scaled` returns."""
        names = ["dense"] if self.has_dense else []
        if self.embedding is not None:
            names += self.embedding.ready
        return names + ["domain"] * (self._domain is not None)

    def located_column(self, column: int) -> tuple[int, int]:
        """Returns where `scaled` puts a column of ids: the place of the array, and the column."""
        name, place = self.embedding.located_column(column)
        return self.ready.index(name), place

    def _located(self, ids, weights=None) -> dict[str, Any]:
        found = self.embedding.located(ids, weights)
        if self._domain is not None:
            found["domain"] = ids[:, self._domain]
        return found

    def _features(self, located: Mapping[str, Any]):
        """Returns features, or images, of scaled numbers and of rows of the table."""
        if self.are_images:
            return located["dense"]
        dense = located.get("dense")
        if len(self.dense_layers):
            dense = self._through_layers(dense)
        tables = [dense]
        if self.embedding is not None:
            tables = self.embedding.embedded(located, dense)
        plain = whole = tables[0]
        if self.bottom is not None:
            whole = self.bottom(plain)
        if not self._needs:
            return whole
        return Features(self.layout, plain, whole, located.get("domain"), tables)

    def _through_layers(self, dense):
        """Returns the dense features behind their layers; other features stay as they are."""
        others = dict(zip(self.layout.names, self.layout.sizes)).get(OTHERS)
        if others:
            width = self.specs[0].shape[1] if self.scale is None else self.scale.out_size
            dense, rest = ops.split(dense, [width - others, others])
        for layer in self.dense_layers:
            dense = layer(dense)
        return ops.concat([dense, rest], axis=1) if others else dense

    def fit(self, blocks: Iterable[np.ndarray]) -> dict[str, np.ndarray]:
        """Returns the values of the parameters that follow from the training data, by name.

        Args:
            blocks: the first input of many rows, ``[n, ...]`` a block.
        """
        if self.scale is None:
            return {}
        return {f"scale.{name}": value for name, value in self.scale.fit(blocks).items()}
