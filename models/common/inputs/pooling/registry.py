"""Creates the pooling of a field by its name."""

from __future__ import annotations

from datasets.readers.sparse_fields import SparseField
from models.common import options
from models.common.inputs.pooling.attention import Attention
from models.common.inputs.pooling.din import Din
from models.common.inputs.pooling.gru import Gru
from models.common.inputs.pooling.last import Last
from models.common.inputs.pooling.unordered import Max, Mean, Sum
from models.common.layers.dense import Part

KINDS = {
    "sum": Sum,
    "mean": Mean,
    "max": Max,
    "last": Last,
    "din": Din,
    "attention": Attention,
    "gru": Gru,
}


def create(field: SparseField, size: int) -> Part:
    """Returns the pooling of a field's ids.

    Its ``forward(embedded, mask, target)`` maps ``[batch, max_len, size]``, ``[batch, max_len]``
    and, for DIN, ``[batch, size]`` to ``[batch, size]``.

    Args:
        field: the field.
        size: the size of an embedding.

    Raises:
        ValueError: there is no such pooling, or an option does not fit.
    """
    place = f"sparse_fields: {field.name}: pooling"
    return options.create(place, field.pooling, KINDS, place, size, field.max_len)
