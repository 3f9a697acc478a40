"""FiBiNET: field vectors weighted by their importance in a row, and their bilinear products."""

from __future__ import annotations

from itertools import combinations

import numpy as np
from paddle import nn

from datasets.readers import checks
from models.common.checks import positive
from models.common.layers import ops
from models.common.layers.constants import Constants
from models.common.layers.dense import Linear, Part, xavier
from models.common.layers.interactions.fields import Fields, joined, several
from models.common.layout import Layout

_PLACE = "hyper_parameters.bottom.bilinear"
_PRODUCTS = ("none", "all", "each", "interaction")


class SeNet(Part):
    r"""Squeeze and excitation of field vectors, and bilinear products of their pairs.

    Huang et al. 2019, "FiBiNET: Combining Feature Importance and Bilinear feature Interaction for
    Click-Through Rate Prediction", https://arxiv.org/abs/1905.09433. Squeeze: :math:`z_i` is the
    mean of the vector :math:`v_i` (equation 2). Excitation:
    :math:`a = relu(W_2 relu(W_1 z))` (equation 3). Reweight: :math:`a_i v_i` (equation 4). Other
    than in the paper, the layers have biases; that of the last one starts at 1, so that training
    starts from the features as they are and not from numbers near 0.

    The bilinear products (equation 5) are computed of the vectors and of the reweighted ones, as in
    the paper. The reweighted vectors stay beside them, because the nets here have no linear part.

    Args:
        layout: the features, with at least two sparse fields.
        reduction: the number of fields divided by the size of :math:`W_1`'s output.
        bilinear: the products :math:`v_i W \odot v_j` of the pairs i < j: ``none``, or with one W
            (``all``), one for each field i (``each``), or one for each pair (``interaction``).

    Shapes:
        ``[batch, size]`` to the same; with products to
        ``[batch, size + fields * (fields - 1) * embedding_size]``.
    """

    def __init__(self, layout: Layout, *, reduction: float = 3.0, bilinear: str = "none"):
        super().__init__()
        self._fields = several("senet", layout)
        num = self._fields.num
        inner = max(1, round(num / positive("bottom.reduction", reduction)))
        self.squeezed = Linear(num, inner)
        self.weight = self.create_parameter([inner, num], attr=xavier(inner, num))
        ones = nn.initializer.Constant(1.0)
        self.bias = self.create_parameter([num], default_initializer=ones)
        self.out_size = layout.size
        self.products = None
        if checks.choice(_PLACE, bilinear, _PRODUCTS) != "none":
            products = [Bilinear(self._fields, bilinear), Bilinear(self._fields, bilinear)]
            self.products = nn.LayerList(products)
            self.out_size += sum(each.out_size for each in products)

    def forward(self, x):
        """Returns the dense features, the reweighted vectors, and the products if there are any."""
        rest, vectors = self._fields.cut(x)
        vectors = self._fields.apart(vectors)
        squeezed = ops.relu(self.squeezed(ops.mean(vectors, 2)))
        weights = ops.relu(ops.linear(squeezed, self.weight, self.bias))
        weighted = ops.multiply(vectors, ops.reshape(weights, [-1, self._fields.num, 1]))
        parts = [*rest, self._fields.side_by_side(weighted)]
        if self.products is not None:
            parts += [part(each) for part, each in zip(self.products, (vectors, weighted))]
        return joined(parts)


class Bilinear(Part):
    """The bilinear products of all pairs of field vectors; see `SeNet`.

    Args:
        fields: the fields.
        kind: ``all``, ``each`` or ``interaction``.

    Shapes:
        ``[batch, fields, size]`` to ``[batch, pairs * size]``.
    """

    def __init__(self, fields: Fields, kind: str):
        super().__init__()
        pairs = np.array([*combinations(range(fields.num), 2)]).T
        self._kind = kind
        self.out_size = pairs.shape[1] * fields.size
        matrices = {"all": 1, "each": fields.num, "interaction": pairs.shape[1]}[kind]
        shape = [matrices, fields.size, fields.size]
        self.weight = self.create_parameter(shape, attr=xavier(fields.size, fields.size))
        self._places = Constants(*pairs)

    def forward(self, vectors):
        """Returns the products, in the order (0, 1), (0, 2), ..., (1, 2), ..."""
        apart = ops.transpose(vectors, [1, 0, 2])
        first, second = self._places()
        if self._kind == "interaction":
            left = ops.matmul(ops.gather(apart, first), self.weight)
        else:
            left = ops.gather(ops.matmul(apart, self.weight), first)
        products = ops.multiply(left, ops.gather(apart, second))
        return ops.reshape(ops.transpose(products, [1, 0, 2]), [-1, self.out_size])
