"""Creates the pooling of a field by its name."""

from __future__ import annotations

from datasets.readers.sparse_fields import SparseField
from models.common.inputs.pooling.unordered import Max, Mean, Sum
from models.common.layers.dense import Part

_CLASSES = {"sum": Sum, "mean": Mean, "max": Max}


def create(field: SparseField, size: int) -> Part:
    """Returns the pooling of a field's ids.

    Args:
        field: the field.
        size: the size of an embedding.
    """
    return _CLASSES[field.pooling]()
