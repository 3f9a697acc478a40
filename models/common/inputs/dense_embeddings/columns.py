"""Columns of numbers as a stack, so that one operator serves all of them."""

from __future__ import annotations

from models.common.layers import ops


def apart(x, columns: int, width: int):
    """Returns ``[batch, columns * width]`` as ``[columns, batch, width]``."""
    if width == 1:
        return ops.reshape(ops.transpose(x, [1, 0]), [columns, -1, 1])
    return ops.transpose(ops.reshape(x, [-1, columns, width]), [1, 0, 2])


def side_by_side(x, size: int):
    """Returns ``[columns, batch, width]`` as ``[batch, size]``, where size is columns * width."""
    return ops.reshape(ops.transpose(x, [1, 0, 2]), [-1, size])
