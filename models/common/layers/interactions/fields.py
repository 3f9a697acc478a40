"""Features as dense numbers and vectors of sparse fields, for parts that multiply the vectors."""

from __future__ import annotations

from models.common.layers import ops
from models.common.layout import Layout


class Fields:
    """Cuts features into dense numbers and field vectors.

    Args:
        layout: the features; the fields' vectors stand last.

    Attributes:
        num: the number of fields.
        size: the size of a field's vector.
        rest: the number of features that are no field vectors.
    """

    def __init__(self, layout: Layout):
        self.num, self.size = len(layout.fields), layout.embedding_size
        self.rest = layout.size - self.num * self.size

    def cut(self, x) -> tuple[list, object]:
        """Returns a list of the other features, empty without any, and the vectors.

        Args:
            x: ``[batch, size]``; the vectors are ``[batch, fields * size]``.
        """
        if not self.rest:
            return [], x
        rest, vectors = ops.split(x, [self.rest, self.num * self.size])
        return [rest], vectors

    def apart(self, vectors):
        """Returns vectors ``[batch, fields * size]`` as ``[batch, fields, size]``."""
        return ops.reshape(vectors, [-1, self.num, self.size])

    def side_by_side(self, vectors):
        """Returns vectors ``[batch, fields, size]`` as ``[batch, fields * size]``."""
        return ops.reshape(vectors, [-1, self.num * self.size])


def several(kind: str, layout: Layout) -> Fields:
    """Returns the fields of a part that needs at least two.

    Raises:
        ValueError: there are fewer.
    """
    if len(layout.fields) < 2:
        found = ", ".join(layout.fields) or "none"
        raise ValueError(
            f"hyper_parameters.bottom: {kind} multiplies the vectors of sparse fields: expected at "
            f"least two sparse_fields, found {found}; mlp, dcn_v2 and masknet need none"
        )
    return Fields(layout)


def joined(parts: list):
    """Returns the parts side by side, ``[batch, sum of sizes]``."""
    return ops.concat(parts, 1) if len(parts) > 1 else parts[0]
