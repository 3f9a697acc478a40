"""MaskNet: features multiplied by masks that are computed from the whole row."""

from __future__ import annotations

from paddle import nn

from datasets.readers import checks
from models.common.checks import Sizes, layer_sizes, positive, probability
from models.common.layers import ops
from models.common.layers.dense import Linear, Part, xavier
from models.common.layers.interactions.fields import Fields, joined
from models.common.layers.normalization import LayerNorm
from models.common.layout import Layout


class MaskNet(Part):
    r"""MaskBlocks with instance-guided masks, one after another or side by side.

    Wang et al. 2021, "MaskNet: Introducing Feature-Wise Multiplication to CTR Ranking Models by
    Instance-Guided Mask", https://arxiv.org/abs/2102.07619. The mask of a block is
    :math:`M = W_2 relu(W_1 x + b_1) + b_2` of the whole row x (equation 2). The first block, and
    each parallel one, gives :math:`relu(LN(W (M \odot LN_{EMB}(x))))`; a serial block behind
    another, whose output is h, gives :math:`relu(LN(W (M \odot h)))`. :math:`LN_{EMB}` normalises
    each field's vector; all vectors share its gain and bias. Dense numbers pass as they are: they
    are standardised over the rows already.

    Args:
        layout: the features.
        blocks: the size of each block's output.
        structure: ``serial`` or ``parallel``.
        reduction: the size of :math:`W_1`'s output, as a multiple of the mask's size.
        dropout: probability that a block's output is dropped while training.

    Shapes:
        ``[batch, size]`` to ``[batch, blocks[-1]]`` (serial) or ``[batch, sum(blocks)]``.
    """

    def __init__(
        self,
        layout: Layout,
        *,
        blocks: Sizes = (128, 128, 128),
        structure: str = "serial",
        reduction: float = 2.0,
        dropout: float = 0.0,
    ):
        super().__init__()
        sizes = layer_sizes("bottom.blocks", blocks, minimum=1)
        place = "hyper_parameters.bottom.structure"
        self._serial = checks.choice(place, structure, ("serial", "parallel")) == "serial"
        positive("bottom.reduction", reduction)
        self._dropout = probability("bottom.dropout", dropout)
        self._fields, size = Fields(layout), layout.size
        self.norm = LayerNorm(layout.embedding_size) if layout.fields else None
        in_sizes = [size, *sizes[:-1]] if self._serial else [size] * len(sizes)
        made = [MaskBlock(size, *each, reduction) for each in zip(in_sizes, sizes)]
        self.blocks = nn.LayerList(made)
        self.out_size = sizes[-1] if self._serial else sum(sizes)

    def forward(self, x):
        """Returns the last block's output, or all blocks' outputs."""
        h, outputs = self._normalised(x), []
        for block in self.blocks:
            out = block(x, h)
            if self._dropout and self.training:
                out = ops.dropout(out, self._dropout)
            outputs.append(out)
            h = out if self._serial else h
        return h if self._serial else joined(outputs)

    def _normalised(self, x):
        if self.norm is None:
            return x
        rest, vectors = self._fields.cut(x)
        vectors = self.norm(self._fields.apart(vectors))
        return joined([*rest, self._fields.side_by_side(vectors)])


class MaskBlock(Part):
    """One MaskBlock: a mask of the row, its product with the input, a layer and a LayerNorm.

    Args:
        size: the number of the row's features.
        in_size: the number of the block's inputs.
        out_size: the number of its outputs.
        reduction: the size of the aggregation layer, as a multiple of ``in_size``.
    """

    def __init__(self, size: int, in_size: int, out_size: int, reduction: float):
        super().__init__()
        inner = max(1, round(reduction * in_size))
        self.aggregation, self.projection = Linear(size, inner), Linear(inner, in_size)
        self.weight = self.create_parameter([in_size, out_size], attr=xavier(in_size, out_size))
        self.norm = LayerNorm(out_size)

    def forward(self, x, h):
        """Returns the output ``[batch, out_size]`` for a row ``[batch, size]`` and an input."""
        mask = self.projection(ops.relu(self.aggregation(x)))
        return ops.relu(self.norm(ops.linear(ops.multiply(mask, h), self.weight)))
